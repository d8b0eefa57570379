// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"path/filepath"
	"testing"

	"github.com/offload-runtime/offload/internal/testenv"
)

// TestAdapters compiles each adapter against the prototypes beside it, not against its stack: no Debian package has those.
func TestAdapters(t *testing.T) {
	gcc := testenv.NeedCommand(t, "gcc")
	for _, stack := range []string{"openamp", "rpmsg-lite", "zephyr", "ti-mcu-plus"} {
		t.Run(stack, func(t *testing.T) {
			sources, err := filepath.Glob(filepath.Join("adapters", stack, "*.c"))
			if err != nil || len(sources) == 0 {
				t.Fatal(sources, err)
			}
			args := []string{"-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-Iinclude",
				"-Iadapters/declared/" + stack}
			run(t, gcc, append(args, sources...)...)
		})
	}
}
