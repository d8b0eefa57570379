// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"slices"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
)

// TestRoundTrips prints what a round trip takes through an endpoint alone and through the kit. It asserts nothing: the
// emulator shares the host with others.
func TestRoundTrips(t *testing.T) {
	const trips = 3000
	eachCore(t, func(t *testing.T, c *core) {
		raw, session := c.dial(t, "rpmsg-raw"), c.session(t, 0)
		raw.e.Spin, session.e.Spin = 200*time.Microsecond, 200*time.Microsecond
		payload := make([]byte, 64)
		ping := wire.AppendBin(session.request(wire.Method{Num: wire.MethodPing}, 1), payload[:50])
		for _, way := range []struct {
			name string
			l    *link
			msg  []byte
		}{{"echo of 64 bytes", raw, payload}, {"ping of the protocol", session, ping}} {
			times := make([]time.Duration, trips)
			for i := range times {
				start := time.Now()
				if err := way.l.send(way.msg); err != nil {
					t.Fatal(err)
				}
				if _, err := way.l.recv(); err != nil {
					t.Fatal(err)
				}
				times[i] = time.Since(start)
			}
			slices.Sort(times)
			t.Logf("%s: median %v, p99 %v, max %v", way.name, times[trips/2], times[trips*99/100], times[trips-1])
		}
	})
}
