package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

// askAWS fetches a secret of AWS Secrets Manager, with the credentials, the endpoint and
// the certificates that the environment names, in the region of the ARN.
func askAWS(ctx context.Context, ref string) (string, error) {
	whole, key, keyed := strings.Cut(ref, "#")
	a, err := arn.Parse(whole)
	if err != nil {
		return "", errors.New("is not an ARN")
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(a.Region))
	if err != nil {
		return "", errors.New("can't be asked for: the AWS configuration can't be read")
	}
	client := secretsmanager.NewFromConfig(cfg)
	if open(client.Options().BaseEndpoint) {
		return "", errors.New("can't be asked for: the endpoint is http, and others on the network could read the secret")
	}
	answer, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &whole})
	if err != nil {
		return "", fmt.Errorf("can't be fetched: %w", refusedByAWS(ctx, err))
	}
	value := string(answer.SecretBinary)
	if answer.SecretString != nil {
		value = *answer.SecretString
	}
	if !keyed {
		return value, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &fields) != nil {
		return "", errors.New("is not a JSON object; without #KEY all of it is the secret")
	}
	field, ok := fields[key]
	if !ok {
		return "", errors.New("has no such key")
	}
	if json.Unmarshal(field, &value) != nil || string(field) == "null" {
		return "", errors.New("has a value that is not text at this key")
	}
	return value, nil
}

// open reports whether others can read what is sent to an endpoint.
func open(endpoint *string) bool {
	if endpoint == nil {
		return false
	}
	u, err := url.Parse(*endpoint)
	if err != nil || u.Scheme != "http" {
		return err != nil
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

var word = regexp.MustCompile(`^[A-Za-z]{1,80}$`)

// refusedByAWS is what may be said of an error: its code, but no text of the answer,
// which the answer's sender chooses.
func refusedByAWS(ctx context.Context, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && word.MatchString(api.ErrorCode()) {
		return errors.New(api.ErrorCode())
	}
	if _, ok := errors.AsType[*aws.RequestCanceledError](err); ok || ctx.Err() != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("no answer within %s", patience)
		}
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	return errors.New("no usable answer; check the credentials of AWS, and the endpoint, in the environment")
}
