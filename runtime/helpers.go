// SPDX-License-Identifier: Apache-2.0

package runtime

import "sync"

// helperGroup is goroutines that Wait waits for. Unlike a sync.WaitGroup it starts none after Wait has begun.
type helperGroup struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// Go runs f in a goroutine, unless Wait was called.
func (g *helperGroup) Go(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.wg.Go(f)
	}
}

// Wait waits for all of them.
func (g *helperGroup) Wait() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
}
