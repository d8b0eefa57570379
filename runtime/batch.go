// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"

	"github.com/offload-runtime/offload/internal/wire"
)

// Batch is several calls that travel together: as many in one message as fit, if the firmware understands that, which
// saves the interrupt of each. The zero value is not usable; see Session.NewBatch. A Batch belongs to one goroutine.
type Batch struct {
	s     *Session
	items []batchItem
}

type batchItem struct {
	method string
	args   Args
	result any
	c      *call
	l      *link
	slot   uint8
	id     uint32
	err    error
}

// NewBatch returns an empty batch.
func (s *Session) NewBatch() *Batch { return &Batch{s: s} }

// Add adds a call. Results are stored by Do.
func (b *Batch) Add(method string, result any, args ...any) *Batch {
	b.items = append(b.items, batchItem{method: method, result: result})
	b.items[len(b.items)-1].args.Add(args...)
	return b
}

// Len is the number of calls.
func (b *Batch) Len() int { return len(b.items) }

// Do makes all calls and waits for all of them. The error joins those of single calls, each with its position; the batch is empty
// afterwards.
func (b *Batch) Do(ctx context.Context) error {
	l, err := b.s.current(ctx)
	if err != nil {
		return b.s.failed("batch", err)
	}
	mtu := l.mtu
	if l.features&wire.FeatureBatch == 0 {
		mtu = 0
	}
	w := batchWriter{ctx: ctx, l: l, mtu: mtu}
	for i := range b.items {
		w.add(&b.items[i])
	}
	w.flush()
	var errs []error
	for i := range b.items {
		x := &b.items[i]
		if x.err == nil {
			x.err = l.wait(ctx, x.c, x.slot, x.id)
			if x.err == nil {
				x.err = b.s.finish(x.c, x.method, x.result)
			}
		}
		b.s.putCall(x.c)
		if x.err != nil {
			errs = append(errs, fmt.Errorf("call %d of %d: %w", i, len(b.items), b.s.failed(x.method, x.err)))
		}
	}
	b.items = nil
	return errors.Join(errs...)
}

// batchWriter gathers requests into messages.
type batchWriter struct {
	ctx     context.Context
	l       *link
	mtu     int
	msg     []byte
	pending []*batchItem // in msg
}

func (w *batchWriter) add(x *batchItem) {
	s := w.l.s
	x.c = s.getCall()
	if x.args.err != nil {
		x.err = x.args.err
		return
	}
	var ok bool
	if x.slot, ok = w.l.tryTake(); !ok {
		// What waits for room must not hold back what others wait for.
		w.flush()
		if x.slot, x.err = w.l.take(w.ctx, ""); x.err != nil {
			return
		}
	}
	if x.id, x.err = w.l.prepare(w.ctx, x.c, x.slot, x.method, &x.args); x.err != nil {
		return
	}
	if len(w.msg)+len(x.c.tx) > w.mtu {
		w.flush()
	}
	w.msg = append(w.msg, x.c.tx...)
	w.pending = append(w.pending, x)
}

// flush sends the message. On failure all calls in it have failed, none was seen by the remote.
func (w *batchWriter) flush() {
	if len(w.pending) == 0 {
		return
	}
	if err := w.l.conn.Send(w.ctx, w.msg); err != nil {
		for _, x := range w.pending {
			x.err = w.l.unsent(x.slot, x.c, err)
		}
	} else {
		w.l.s.rt.stats.sent.Add(uint64(len(w.msg)))
	}
	w.msg, w.pending = w.msg[:0], w.pending[:0]
}
