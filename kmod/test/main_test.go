// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"os"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(child(role))
	}
	leak.Main(m)
}
