// SPDX-License-Identifier: Apache-2.0

package rpmsg_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func TestRecvWaits(t *testing.T) {
	for _, spin := range []time.Duration{0, time.Millisecond, time.Minute} {
		t.Run(spin.String(), func(t *testing.T) {
			e, peer := pair(t)
			e.Spin = spin
			got := make(chan error, 1)
			go func() {
				buf := make([]byte, 4)
				n, err := e.Recv(t.Context(), buf)
				if err == nil && string(buf[:n]) != "ping" {
					err = fmt.Errorf("got %q", buf[:n])
				}
				got <- err
			}()
			syscall.Write(peer, []byte("ping"))
			if err := <-got; err != nil {
				t.Error(err)
			}
		})
	}
}

// A context that ends wakes its own Recv and nobody else's, whoever holds the poller.
func TestRecvContexts(t *testing.T) {
	e, peer := pair(t)
	const n = 8
	type waiter struct {
		cancel context.CancelFunc
		err    chan error
	}
	var waiters []waiter
	for i := range n {
		ctx, cancel := context.WithCancel(t.Context())
		if i%2 == 1 { // the others have a deadline far away, too
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		}
		defer cancel()
		w := waiter{cancel, make(chan error, 1)}
		go func() { _, err := e.Recv(ctx, make([]byte, 8)); w.err <- err }()
		waiters = append(waiters, w)
	}
	for _, w := range waiters[:n-1] {
		w.cancel()
		if err := <-w.err; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	last := waiters[n-1]
	select {
	case err := <-last.err:
		t.Fatalf("the last one returned %v", err)
	default:
	}
	syscall.Write(peer, []byte("x"))
	if err := <-last.err; err != nil {
		t.Errorf("the last one: %v", err)
	}
	// A deadline that passed does not stay behind.
	go syscall.Write(peer, []byte("y"))
	if _, err := e.Recv(t.Context(), make([]byte, 8)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestRecvSameContextAgain(t *testing.T) {
	e, peer := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		go syscall.Write(peer, []byte("x"))
		if _, err := e.Recv(ctx, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan error, 1)
	go func() { _, err := e.Recv(ctx, make([]byte, 8)); got <- err }()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go syscall.Write(peer, []byte("x"))
	if _, err := e.Recv(t.Context(), make([]byte, 8)); err != nil {
		t.Errorf("another context afterwards: %v", err)
	}
}

// watched counts who waits for its end.
type watched struct {
	context.Context
	watchers, arms int
}

// Value hides what is below, or package context would watch that.
func (w *watched) Value(any) any { return nil }

func (w *watched) AfterFunc(f func()) func() bool {
	w.watchers++
	w.arms++
	stop := context.AfterFunc(w.Context, f)
	return func() bool { w.watchers--; return stop() }
}

// A context is watched once for many calls with it, not after another one came, and not after Close.
func TestRecvLetsGo(t *testing.T) {
	e, peer := pair(t)
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &watched{Context: parent}
	recv := func(ctx context.Context) error {
		got := make(chan error, 1)
		ready := make(chan struct{})
		go func() { close(ready); _, err := e.Recv(ctx, nil); got <- err }()
		<-ready
		for range 1000 { // mostly it sleeps by then
			runtime.Gosched()
		}
		syscall.Write(peer, nil)
		return <-got
	}
	for w.arms == 0 {
		if err := recv(w); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		if err := recv(w); err != nil {
			t.Fatal(err)
		}
	}
	if w.arms != 1 || w.watchers != 1 {
		t.Errorf("armed %d times, %d watch", w.arms, w.watchers)
	}
	soon, stop := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer stop()
	if _, err := e.Recv(soon, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another context: %v", err)
	}
	if w.watchers != 0 {
		t.Error("the first context is still watched")
	}
	for w.arms == 1 {
		if err := recv(w); err != nil {
			t.Fatal(err)
		}
	}
	e.Close()
	if w.watchers != 0 {
		t.Error("a closed endpoint watches a context")
	}
}
