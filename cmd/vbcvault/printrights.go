package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/storage/s3store/rights"
)

// rightsFlags say which policy or bucket doctor prints in place of looking.
type rightsFlags struct {
	policy, terraform bool
	erase, restore    bool
	checks            bool
}

func (f *rightsFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.policy, "print-policy", false, "print the least policy (IAM) for --to and the other flags, and check nothing")
	fs.BoolVar(&f.terraform, "print-terraform", false, "print the bucket and the policy as Terraform code, and check nothing")
	fs.BoolVar(&f.erase, "erase", false, "with --print-…: allow vbcvault erase too; not for the nightly run")
	fs.BoolVar(&f.restore, "restore", false, "with --print-…: allow thawing cold copies too, for vbcvault restore --thaw")
	fs.BoolVar(&f.checks, "checks", false, "with --print-…: allow whatever doctor can look at too, such as public access")
}

// wanted reports whether anything is to be printed, and refuses what doesn't fit.
func (f *rightsFlags) wanted(to destination) (bool, error) {
	switch {
	case f.policy && f.terraform:
		return false, usagef("the Terraform code has the policy", "--print-policy and --print-terraform don't go together")
	case !f.policy && !f.terraform:
		for name, given := range map[string]bool{"erase": f.erase, "restore": f.restore, "checks": f.checks} {
			if given {
				return false, usagef("add --print-policy or --print-terraform", "--%s says what a printed policy allows", name)
			}
		}
		return false, nil
	case to.dir != "":
		return false, usagef("name a bucket, as in --to s3://my-bucket/recordings", "a policy is for buckets, but --to is a directory")
	}
	return true, nil
}

// needs are what a destination, and what is asked of it, takes.
func (f *rightsFlags) needs(to destination) rights.Need {
	needs := rights.Archive
	for need, is := range map[rights.Need]bool{
		rights.KMS: strings.HasPrefix(string(to.protection.Encryption), "aws:kms"), rights.Lock: to.protection.Lock != "",
		rights.Tags: to.protection.Tags != "", rights.Erase: f.erase, rights.Restore: f.restore, rights.Checks: f.checks,
	} {
		if is {
			needs |= need
		}
	}
	return needs
}

// whereIs is a destination in the words of policies.
func whereIs(to destination, region string) rights.Where {
	return rights.Where{Bucket: to.bucket, Prefix: strings.TrimPrefix(strings.TrimSuffix(to.prefix, "/")+"/", "/"), Key: to.protection.KMSKey, Region: region}
}

// print prints the policy or the code for a destination and what is asked of it.
func (f *rightsFlags) print(s streams, to destination) error {
	needs, where := f.needs(to), whereIs(to, cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")))
	if needs&rights.KMS != 0 && where.Key == "" {
		fmt.Fprintf(s.err, "%s stands for the ARN of your KMS key: name it with --kms-key.\n", rights.KeyToFillIn)
	}
	var err error
	if f.terraform {
		_, err = io.WriteString(s.out, rights.Terraform(needs, where))
	} else {
		_, err = fmt.Fprintln(s.out, rights.PolicyFor(needs, where))
	}
	return err
}
