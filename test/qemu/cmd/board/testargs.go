// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

// fileFlags are the flags of a test binary that name a file or, where the value is true, a directory that it writes.
var fileFlags = map[string]bool{
	"coverprofile": false, "cpuprofile": false, "memprofile": false, "blockprofile": false, "mutexprofile": false, "trace": false,
	"gocoverdir": true, "outputdir": true,
}

// testArgs are a test binary's arguments, made fit for the guest.
type testArgs struct {
	args    []string
	timeout time.Duration     // of -test.timeout
	outputs map[string]string // name in guest.OutDir to path on the host
}

// splitTestArgs moves files that the binary writes to the shared directory.
func splitTestArgs(args []string) testArgs {
	t := testArgs{outputs: make(map[string]string)}
	for _, arg := range args {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		flag, isTest := strings.CutPrefix(name, "test.")
		if !ok || !isTest || !strings.HasPrefix(arg, "-") {
			t.args = append(t.args, arg)
			continue
		}
		_, isFile := fileFlags[flag]
		switch {
		case flag == "testlogfile":
			// What the test opened in the guest says nothing about whether go may reuse its result.
			continue
		case flag == "timeout":
			if d, err := time.ParseDuration(value); err == nil {
				t.timeout = d
			}
		case isFile:
			t.outputs[flag] = value
			arg = "-test." + flag + "=" + guest.OutDir + "/" + flag
		}
		t.args = append(t.args, arg)
	}
	return t
}

// dirs are the directories that the binary wants to find.
func (t *testArgs) dirs() []string {
	var names []string
	for name := range t.outputs {
		if fileFlags[name] {
			names = append(names, name)
		}
	}
	return names
}

// collect copies what the binary wrote to where go test expects it.
func (t *testArgs) collect(outDir string) error {
	var errs []error
	for name, to := range t.outputs {
		from := filepath.Join(outDir, name)
		info, err := os.Stat(from)
		switch {
		case os.IsNotExist(err): // the binary failed before it wrote
		case err != nil:
			errs = append(errs, err)
		case info.IsDir():
			errs = append(errs, os.CopyFS(to, os.DirFS(from)))
		default:
			data, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(to, data, 0o644)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
