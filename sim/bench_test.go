// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
)

// BenchmarkRoundTrip is a call with two buffers and three integers, encoded once: transport, decoding and answer.
func BenchmarkRoundTrip(b *testing.B) {
	for _, name := range []string{"dsp0", "core0"} {
		b.Run(name, func(b *testing.B) {
			h := dial(b, newBoard(b, Config{}), name)
			in, out := h.alloc("ddr", 4096), h.alloc("ddr", 4096)
			ri, _ := h.attach(in, wire.RefRead)
			ro, _ := h.attach(out, wire.RefWrite)
			roundTrips(b, h, h.request("gauss5x5", ro, ri, 1, 1, 1))
		})
	}
}

// BenchmarkEcho is the shortest call.
func BenchmarkEcho(b *testing.B) {
	h := dial(b, newBoard(b, Config{}), "dsp0")
	roundTrips(b, h, h.request("echo", 1))
}

// BenchmarkRaw is the transport alone.
func BenchmarkRaw(b *testing.B) {
	h := dial(b, newBoard(b, Config{}), "dsp0")
	c, err := h.p.Dial(context.Background(), "rpmsg-raw")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	h.conn = c
	roundTrips(b, h, make([]byte, 64))
}

func roundTrips(b *testing.B, h *host, msg []byte) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lat := make([]time.Duration, 0, 1<<20)
	one := func() {
		if err := h.conn.Send(ctx, msg); err != nil {
			b.Fatal(err)
		}
		if _, err := h.conn.Recv(ctx, h.buf[:]); err != nil {
			b.Fatal(err)
		}
	}
	for range 1000 {
		one()
	}
	b.ReportAllocs()
	for b.Loop() {
		t := time.Now()
		one()
		if len(lat) < cap(lat) {
			lat = append(lat, time.Since(t))
		}
	}
	slices.Sort(lat)
	b.ReportMetric(float64(lat[len(lat)/2]), "p50-ns")
	b.ReportMetric(float64(lat[len(lat)*99/100]), "p99-ns")
}

// BenchmarkInFlight keeps 32 calls under way.
func BenchmarkInFlight(b *testing.B) {
	h := dial(b, newBoard(b, Config{}), "dsp0")
	msg := h.request("echo", 1)
	ctx := context.Background()
	for range 32 {
		h.send(msg)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.conn.Recv(ctx, h.buf[:]); err != nil {
			b.Fatal(err)
		}
		h.send(msg)
	}
}
