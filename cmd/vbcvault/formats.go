package main

import (
	"fmt"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/catalog"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/proof"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// format is what the program knows of one kind of its files.
type format struct {
	Name string `json:"name"`
	// Writes is the format of what is written. It reads all from ReadsFrom to it.
	Writes    int `json:"writes"`
	ReadsFrom int `json:"reads_from"`
}

// formats are all that outlive the program: vbcvault version prints them, and the manual
// has the same table.
var formats = []format{
	{"manifest", sqlite.Format, sqlite.OldestFormat},
	{"service.db", service.Format, service.OldestFormat},
	{"web.db", state.Format, state.OldestFormat},
	{"metadata", layout.SidecarFormat, layout.SidecarFormat},
	{"receipts", receipt.Format, 1},
	{"catalogue", catalog.Version, catalog.Version},
	{"proof", proof.Format, proof.Format},
	{"plan", pipeline.PlanFormat, pipeline.PlanFormat},
	{"configuration", config.Format, config.Format},
}

// said is what is printed of it.
func (f format) said() string {
	if f.ReadsFrom == f.Writes {
		return fmt.Sprintf("reads and writes %d", f.Writes)
	}
	return fmt.Sprintf("writes %d, reads %d to %d", f.Writes, f.ReadsFrom, f.Writes)
}
