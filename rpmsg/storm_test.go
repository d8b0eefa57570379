// SPDX-License-Identifier: Apache-2.0

package rpmsg_test

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"
)

// TestStorm: signals interrupt every system call, and the peer empties the ring one message at a time, so that most writes find
// no room. No message is lost, doubled or out of order, in either direction.
func TestStorm(t *testing.T) {
	e, peer := pair(t)
	if err := syscall.SetNonblock(peer, false); err != nil {
		t.Fatal(err)
	}
	// The smallest buffer the kernel gives: a handful of messages.
	if err := syscall.SetsockoptInt(peer, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1); err != nil {
		t.Fatal(err)
	}
	const messages = 20000
	stop := make(chan struct{})
	var storm, wg sync.WaitGroup
	defer func() {
		close(stop)
		storm.Wait()
	}()
	storm.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			// SIGURG is Go's own signal for pre-emption: it may come at any time.
			if err := syscall.Kill(os.Getpid(), syscall.SIGURG); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Go(func() { // the peer sends back what it gets
		buf := make([]byte, 64)
		for range messages {
			n, err := syscall.Read(peer, buf)
			for errors.Is(err, syscall.EINTR) {
				n, err = syscall.Read(peer, buf)
			}
			if err != nil {
				t.Error(err)
				return
			}
			_, err = syscall.Write(peer, buf[:n])
			for errors.Is(err, syscall.EINTR) {
				_, err = syscall.Write(peer, buf[:n])
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Go(func() {
		var msg [8]byte
		for i := range uint64(messages) {
			binary.LittleEndian.PutUint64(msg[:], i)
			if err := e.Send(t.Context(), msg[:]); err != nil {
				t.Error(err)
				return
			}
		}
	})
	buf := make([]byte, 64)
	for i := range uint64(messages) {
		n, err := e.Recv(t.Context(), buf)
		if err != nil || n != 8 || binary.LittleEndian.Uint64(buf) != i {
			t.Fatalf("message %d: %d bytes, %x, %v", i, n, buf[:8], err)
		}
	}
	wg.Wait()
}
