// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"sync"
)

// Future is a call that was sent and whose answer has not been asked for.
type Future struct {
	s      *Session
	ctx    context.Context
	l      *link
	c      *call
	slot   uint8
	id     uint32
	method string
	result any

	once sync.Once
	err  error
}

// Go sends a call as Call does and returns without waiting for the answer. It waits for room in the window and in the ring
// only, under ctx, which bounds the call as a whole. The buffers among the arguments are the remote's until Wait returns, or
// until it has let go of them if ctx ends first. Every Future wants a Wait.
func (s *Session) Go(ctx context.Context, method string, result any, args ...any) *Future {
	f := &Future{s: s, ctx: ctx, c: s.getCall(), method: method, result: result}
	a := s.getArgs()
	f.l, f.slot, f.id, f.err = s.send(ctx, f.c, method, a.Add(args...))
	s.putArgs(a)
	if f.err != nil {
		f.err = s.failed(method, f.err)
		f.once.Do(func() { s.putCall(f.c) })
	}
	return f
}

// Wait waits for the answer, or for the end of the context given to Go, and stores the result. It may be called again, also
// from other goroutines, and says the same again.
func (f *Future) Wait() error {
	f.once.Do(func() {
		if f.err = f.l.wait(f.ctx, f.c, f.slot, f.id); f.err != nil {
			f.err = f.s.failed(f.method, f.err)
		} else {
			f.err = f.s.finish(f.c, f.method, f.result)
		}
		f.s.putCall(f.c)
	})
	return f.err
}
