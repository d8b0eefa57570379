// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }
