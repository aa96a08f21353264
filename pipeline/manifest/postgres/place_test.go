package postgres_test

import (
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
)

// No secret is taken from an address, in whatever way it is written there.
func TestAddressesHaveNoSecrets(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"password=s", "sslpassword=s", "password=a;b"} {
		if p, err := postgres.Parse("postgres://u@h/d?manifest=m&" + query); err == nil {
			t.Errorf("%s: %v", query, p)
		}
	}
	if _, err := postgres.Parse("postgres://u@h/d?manifest=m&sslmode=require"); err != nil {
		t.Error(err)
	}
}
