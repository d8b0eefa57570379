// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/offload-runtime/offload/internal/testenv"
)

func TestVerify(t *testing.T) {
	for _, p := range []string{"dsp0", "core0"} {
		tool(t, "verify", p).want(t, exitOK, p+" with msmc: right", "")
	}
	tool(t, "verify", "dsp0", "--heap", "nosuch").want(t, exitNotFound, "", "nosuch")
	tool(t, "verify", "dsp0", "--heap", "secure").want(t, exitUnsupported, "", "secure")
	tool(t, "verify").want(t, exitUsage, "", "arg")
	var rows []verdictJSON
	o := tool(t, "verify", "core0", "--heap", "ddr", "--json")
	if err := json.Unmarshal([]byte(o.stdout), &rows); err != nil || len(rows) != 1 || !rows[0].Right || !rows[0].Coherent {
		t.Errorf("%v in %+v", err, o)
	}
}

// TestLinuxVerify: a device tree that lies about coherence is found out.
func TestLinuxVerify(t *testing.T) {
	testenv.NeedDevice(t, "/dev/dma_heap/shadow")
	code, verdict := exitOK, "right"
	if os.Getenv("OFFLOAD_MACHINE") == "dsp-liar" {
		code, verdict = exitWrongResult, "WRONG"
	}
	o := run(t, t.Context(), &cli{getenv: func(string) string { return "" }}, "verify", "dsp0", "--heap", "shadow")
	if o.code != code {
		t.Errorf("exit code %d, want %d: %+v", o.code, code, o)
	}
	if want := "dsp0 with shadow: " + verdict; o.stdout != want+"\n" {
		t.Errorf("stdout %q, want %q", o.stdout, want)
	}
}
