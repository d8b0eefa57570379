// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/testenv"
)

// TestLinuxBoard is the tool on an emulated board: the same commands as on the simulated one, and the same picture.
func TestLinuxBoard(t *testing.T) {
	testenv.NeedDevice(t, "/dev/dma_heap")
	testenv.NeedDevice(t, "/sys/class/remoteproc/remoteproc0")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	linux := func() *cli { return &cli{getenv: func(string) string { return "" }} }

	var v struct{ Processors []processorJSON }
	o := run(t, ctx, linux(), "ls", "--board", "linux", "--json")
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil || len(v.Processors) == 0 {
		t.Fatalf("%v in %+v", err, o)
	}
	run(t, ctx, linux(), "heaps").want(t, exitOK, "linux,cma", "")
	dir := t.TempDir()
	file := filepath.Join(dir, "data")
	data := bytes.Repeat([]byte("offload "), 10000)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	crc := fmt.Sprint(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))

	simulated := filepath.Join(dir, "sim.png")
	run(t, ctx, linux(), "demo", "--board", "sim", "-o", simulated).want(t, exitOK, "agree", "")
	want, err := os.ReadFile(simulated)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Processors {
		run(t, ctx, linux(), "start", p.Name).want(t, exitOK, "", "")
		run(t, ctx, linux(), "ping", p.Name, "--count", "20").want(t, exitOK, "20 answered", "")
		run(t, ctx, linux(), "call", p.Name, "crc32c", "--in", "data=@"+file).want(t, exitOK, crc, "")
		run(t, ctx, linux(), "call", p.Name, "no_such_function").want(t, exitNotFound, "", "unknown method")
		picture := filepath.Join(dir, p.Name+".png")
		run(t, ctx, linux(), "demo", "--processor", p.Name, "-o", picture).want(t, exitOK, "agree", "")
		if got, err := os.ReadFile(picture); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: picture differs from the simulated board's: %v", p.Name, err)
		}
		run(t, ctx, linux(), "trace", p.Name).want(t, exitOK, "", "")
		run(t, ctx, linux(), "stop", p.Name).want(t, exitOK, "", "")
	}
}
