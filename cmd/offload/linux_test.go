// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"testing"

	"github.com/offload-runtime/offload/internal/sysfs/sysfstest"
	"github.com/offload-runtime/offload/runtime"
)

// fixture is a tool on a machine with one remote processor, as far as a tree of files can be one.
func fixture(t *testing.T) *cli {
	tree := sysfstest.New(t)
	dir := "sys/devices/platform/bus@100000/64800000.dsp/remoteproc/remoteproc2"
	tree.Attr(dir+"/name", "64800000.dsp")
	tree.Attr(dir+"/state", "running")
	tree.Attr(dir+"/firmware", "dsp.elf")
	tree.Attr(dir+"/recovery", "enabled")
	tree.Attr(dir+"/coredump", "disabled")
	tree.Link("sys/class/remoteproc/remoteproc2", dir)
	tree.Mkdir("dev")
	tree.Mkdir("proc")
	return &cli{
		getenv: func(string) string { return "" },
		linux:  runtime.LinuxConfig{SysRoot: tree.Path("sys"), DevRoot: tree.Path("dev"), ProcFS: tree.Path("proc"), FirmwareDir: tree.Root, ProfileDir: "-"},
	}
}

// TestAuto wants that a machine with remote processors is not simulated without being asked for.
func TestAuto(t *testing.T) {
	c := fixture(t)
	o := run(t, t.Context(), c, "ls", "--json")
	var v struct{ Processors []processorJSON }
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil || len(v.Processors) != 1 {
		t.Fatalf("%v in %+v", err, o)
	}
	if p := v.Processors[0]; p.State != "running" || p.Firmware != "dsp.elf" {
		t.Errorf("%+v", p)
	}
	name := v.Processors[0].Name
	run(t, t.Context(), c, "ls", name).want(t, exitOK, "running", "")
	run(t, t.Context(), c, "start", name).want(t, exitBusy, "", "runs already")
	run(t, t.Context(), c, "call", name, "sum", "--timeout", "20ms").want(t, exitTimeout, "", name)
	run(t, t.Context(), c, "trace", name).want(t, exitUnsupported, "", name)
	run(t, t.Context(), c, "heaps").want(t, exitOK, "HEAP", "has no heaps")
	run(t, t.Context(), c, "call", "dsp9", "sum").want(t, exitNotFound, "", name)

	none := fixture(t)
	none.linux.SysRoot += "/nothing"
	run(t, t.Context(), none, "ls").want(t, exitOK, "dsp0", "")
	run(t, t.Context(), none, "ls", "--board", "linux").want(t, exitOK, "PROCESSOR", "has no processors")
}
