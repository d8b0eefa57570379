// SPDX-License-Identifier: Apache-2.0

package dmabuf_test

import (
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
)

func TestAvailable(t *testing.T) {
	for text, want := range map[string]int64{
		"MemTotal:        4026492 kB\nMemFree:         1 kB\nMemAvailable:    3 kB\n": 3 << 10,
		"MemAvailable: 0 kB":                   0,
		"MemTotal: 1 kB\n":                     -1,
		"MemAvailable: 1 MB\n":                 -1,
		"MemAvailable: -1 kB\n":                -1,
		"MemAvailable: 9223372036854775807 kB": -1,
		"MemAvailable:":                        -1,
		"":                                     -1,
	} {
		got, ok := dmabuf.ParseAvailable(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
	for heap, want := range map[string]bool{"system": true, "system-uncached": true, "system_cc_shared": true, "qcom,system": true,
		"linux,cma": false, "reserved": false, "carveout_system": false, "msmc": false} {
		if dmabuf.OrdinaryPages(heap) != want {
			t.Errorf("%s: %v", heap, !want)
		}
	}
}
