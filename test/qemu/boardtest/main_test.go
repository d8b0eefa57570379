// SPDX-License-Identifier: Apache-2.0

package boardtest

import (
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }
