// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"sync"

	"github.com/offload-runtime/offload/dmabuf"
)

// gate joins the brackets of several goroutines on one memory. A START for reading invalidates the CPU's caches for the
// whole buffer and so destroys what another goroutine wrote in a bracket that is still open; an END for reading alone does
// the same on 32 bit arm (arch/arm/mm/cache-v7.S, v7_dma_map_area). So whoever comes while brackets are open uses what was
// begun already, and waits where that is not enough.
type gate struct {
	m Memory

	mu      sync.Mutex
	idle    sync.Cond
	users   int
	waiting int
	begun   dmabuf.Access   // the union of issued
	issued  []dmabuf.Access // the brackets that are open on m
}

func newGate(m Memory) *gate {
	g := &gate{m: m}
	g.idle.L = &g.mu
	return g
}

// begin opens a bracket of a transfer, which ends by itself.
func (g *gate) begin(a dmabuf.Access) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	// Brackets that were begun for writing alone are the only ones that cannot be joined for reading. They are
	// transfers, never brackets of a caller (see held), so that this wait is short and no caller waits for himself.
	for g.users > 0 && g.begun&dmabuf.Read == 0 && (a&dmabuf.Read != 0 || g.waiting > 0) {
		g.waiting++
		g.idle.Wait()
		g.waiting--
	}
	if missing := a &^ g.begun; missing != 0 {
		if err := g.m.Begin(missing); err != nil {
			return err
		}
		g.begun |= missing
		g.issued = append(g.issued, missing)
	}
	g.users++
	return nil
}

// end closes a bracket. What was written in it is visible to devices afterwards, also while others go on.
func (g *gate) end(a dmabuf.Access) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users--; g.users > 0 {
		if a&dmabuf.Write == 0 {
			return nil
		}
		// An END for writing cleans and invalidates nothing.
		if err := g.m.Begin(dmabuf.Write); err != nil {
			return err
		}
		return g.m.End(dmabuf.Write)
	}
	var err error
	for i := len(g.issued) - 1; i >= 0; i-- {
		err = join(err, g.m.End(g.issued[i]))
	}
	g.issued = g.issued[:0]
	g.begun = 0
	g.idle.Broadcast()
	return err
}

// held is the access with which a caller's own bracket is opened: always for reading too, so that it can be joined.
func held(a dmabuf.Access) dmabuf.Access { return a | dmabuf.Read }
