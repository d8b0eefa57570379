// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/offload-runtime/offload/dmabuf"
)

// cached is memory behind a CPU cache that is not coherent with devices: b is what the CPU sees, mem what devices see.
type cached struct {
	ram
	mem, clean []byte
}

func newCached(size int64) *cached {
	return &cached{ram: *newRAM("cached", size), mem: make([]byte, size), clean: make([]byte, size)}
}

func (c *cached) Begin(a dmabuf.Access) error {
	if a&dmabuf.Read != 0 { // invalidate
		copy(c.b, c.mem)
		copy(c.clean, c.mem)
	}
	return c.ram.Begin(a)
}

func (c *cached) End(a dmabuf.Access) error {
	if a == dmabuf.Read { // 32 bit arm
		copy(c.b, c.mem)
	}
	for i := range c.b {
		if c.b[i] != c.clean[i] {
			c.mem[i] = c.b[i]
		}
	}
	copy(c.clean, c.mem)
	copy(c.b, c.mem)
	return c.ram.End(a)
}

// Any order of brackets of several users: what one wrote is in memory after his own end, whatever the others do.
func TestGateLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const users = 4
		m := newCached(users)
		g := newGate(m)
		var open [users]dmabuf.Access
		want := make([]byte, users)
		for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			u := rapid.IntRange(0, users-1).Draw(rt, "user")
			if open[u] == 0 {
				a := rapid.SampledFrom([]dmabuf.Access{dmabuf.Read, dmabuf.Write, dmabuf.ReadWrite}).Draw(rt, "access")
				if g.users > 0 && g.begun&dmabuf.Read == 0 && a&dmabuf.Read != 0 {
					continue // would wait
				}
				if err := g.begin(a); err != nil {
					rt.Fatal(err)
				}
				open[u] = a
				continue
			}
			if open[u]&dmabuf.Write != 0 {
				m.b[u] = byte(i + 1)
				want[u] = byte(i + 1)
			}
			if err := g.end(open[u]); err != nil {
				rt.Fatal(err)
			}
			if m.mem[u] != want[u] {
				rt.Fatalf("user %d wrote %d, memory has %d", u, want[u], m.mem[u])
			}
			open[u] = 0
		}
		for u := range users {
			if open[u] != 0 {
				if err := g.end(open[u]); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if !bytes.Equal(m.mem, want) {
			rt.Fatalf("memory has %v, want %v", m.mem, want)
		}
		if err := m.quiet(); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestGateReaderWaitsForWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(newRAM("m", 64))
		if err := g.begin(dmabuf.Write); err != nil {
			t.Fatal(err)
		}
		var in, second bool
		go func() {
			if err := g.begin(dmabuf.Read); err != nil {
				t.Error(err)
			}
			in = true
			g.end(dmabuf.Read)
		}()
		synctest.Wait()
		if in {
			t.Error("a reader came in while somebody wrote")
		}
		go func() { // does not overtake the reader for ever
			g.begin(dmabuf.Write)
			second = true
			g.end(dmabuf.Write)
		}()
		synctest.Wait()
		if second {
			t.Error("a second writer came in while a reader waited")
		}
		g.end(dmabuf.Write)
		synctest.Wait()
		if !in || !second {
			t.Errorf("reader in: %v, second writer in: %v", in, second)
		}
	})
}

// Many goroutines, each with its own part, copies and shares, own brackets: no byte is lost and the race detector is content.
func TestConcurrent(t *testing.T) {
	const part, parts, rounds = 256, 8, 50
	s, parent, _ := testSet(t, part*parts, nil)
	want := bytes.Clone(parent.b)
	var wg sync.WaitGroup
	for i := range int64(parts) {
		wg.Go(func() {
			spec := Spec{Region: Range{i * part, part}, Access: dmabuf.ReadWrite, Mode: Copy}
			switch i % 4 {
			case 1:
				spec.Mode = Share
			case 2:
				spec.Region = Range{i*part + 1, part - 2}
			}
			for range rounds {
				sub, err := s.New(spec)
				if err != nil {
					t.Error(err)
					return
				}
				if err := sub.Begin(dmabuf.ReadWrite); err != nil {
					t.Error(err)
					return
				}
				b, err := sub.Bytes()
				if err != nil {
					t.Error(err)
				}
				for j := range b {
					b[j]++
				}
				if err := sub.End(dmabuf.ReadWrite); err != nil {
					t.Error(err)
				}
				if err := sub.Commit(); err != nil {
					t.Error(err)
				}
				if err := sub.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range want {
		want[i] += rounds
		if p := i % part; i/part%4 == 2 && (p == 0 || p == part-1) {
			want[i] -= rounds
		}
	}
	if i := diff(parent.b, want); i >= 0 {
		t.Errorf("byte %d is %d, want %d", i, parent.b[i], want[i])
	}
}
