package vbc

import "testing"

// Recordings have the same key if a user of the API would call them the same, in
// whatever answer, and their names tell them apart.
func TestKey(t *testing.T) {
	t.Parallel()
	company := ParseRecording(Company, "", []byte(`{"id":7,"start":"2026-05-12T10:15:00+0000"}`))
	again := ParseRecording(Company, "", []byte(`{"id":"7","start":"2025-05-12T10:15:00+0000","_links":{"self":"/accounts/549825/company-recordings/7"}}`))
	ofUser := ParseRecording(OnDemand, "745249", []byte(`{"id":7,"start":"2026-05-12T10:15:00+0000"}`))
	again.Nth, again.Account = 1, "549825"
	if company.Key() != again.Key() || company.Key() == ofUser.Key() {
		t.Errorf("%v, %v, %v", company.Key(), again.Key(), ofUser.Key())
	}
	for key, want := range map[Key]string{company.Key(): "company recording 7", ofUser.Key(): "on-demand recording 7 of user 745249"} {
		if key.String() != want {
			t.Errorf("%q, want %q", key, want)
		}
	}
	if ofUser.String() != ofUser.Key().String() {
		t.Errorf("%q", ofUser)
	}
}
