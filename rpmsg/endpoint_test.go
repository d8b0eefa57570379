// SPDX-License-Identifier: Apache-2.0

package rpmsg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/rpmsg"
)

func TestMain(m *testing.M) { leak.Main(m) }

// pair is an endpoint and the descriptor of its peer, a socket that keeps message boundaries.
func pair(t testing.TB) (*rpmsg.Endpoint, int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	e, err := rpmsg.NewEndpoint(fds[0], "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Close(fds[1])
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, fds[1]
}

// second is an endpoint over a descriptor that pair keeps owning.
func second(t testing.TB, peer int) *rpmsg.Endpoint {
	t.Helper()
	fd, err := syscall.Dup(peer)
	if err != nil {
		t.Fatal(err)
	}
	e, err := rpmsg.NewEndpoint(fd, "second")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMessages(t *testing.T) {
	e, peer := pair(t)
	ctx := t.Context()
	buf := make([]byte, rpmsg.MaxPayload)
	for _, size := range []int{1, 0, 100, rpmsg.MaxPayload, 0, 3} {
		msg := bytes.Repeat([]byte{byte(size)}, size)
		if err := e.Send(ctx, msg); err != nil {
			t.Fatalf("sending %d bytes: %v", size, err)
		}
		n, err := syscall.Read(peer, buf)
		if n < 0 && err == syscall.EAGAIN && size == 0 {
			t.Fatal("an empty message did not go out")
		}
		if err != nil || !bytes.Equal(buf[:n], msg) {
			t.Fatalf("the peer got %d bytes, %v; want %d", n, err, size)
		}
		if _, err := syscall.Write(peer, msg); err != nil {
			t.Fatal(err)
		}
		n, err = e.Recv(ctx, buf)
		if err != nil || !bytes.Equal(buf[:n], msg) {
			t.Fatalf("received %d bytes, %v; want %d", n, err, size)
		}
	}
	if e.MTU() != 496 || e.Name() != "test" {
		t.Error(e.MTU(), e.Name())
	}
}

func TestShortBuffers(t *testing.T) {
	e, peer := pair(t)
	for _, size := range []int{0, 1, 99} {
		syscall.Write(peer, bytes.Repeat([]byte("x"), 100))
		buf := make([]byte, size)
		n, err := e.Recv(t.Context(), buf)
		if n != size || !errors.Is(err, rpmsg.ErrTruncated) || strings.Count(string(buf), "x") != size {
			t.Errorf("%d bytes for 100: %d, %v", size, n, err)
		}
	}
	syscall.Write(peer, []byte("next"))
	buf := make([]byte, 4)
	if n, err := e.Recv(t.Context(), buf); n != 4 || err != nil || string(buf) != "next" {
		t.Errorf("after truncation: %d, %v, %q", n, err, buf)
	}
	syscall.Write(peer, nil)
	if n, err := e.Recv(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("an empty message into nothing: %d, %v", n, err)
	}
}

// TestErrors is the contract: which failure gives which sentinel and errno.
func TestErrors(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	past, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	tests := []struct {
		name string
		do   func(t *testing.T, e *rpmsg.Endpoint, peer int) error
		want []error
	}{
		{"send too long", func(t *testing.T, e *rpmsg.Endpoint, _ int) error {
			return e.Send(t.Context(), make([]byte, rpmsg.MaxPayload+1))
		}, []error{rpmsg.ErrTooLong, syscall.EMSGSIZE}},
		{"send cancelled", func(t *testing.T, e *rpmsg.Endpoint, _ int) error {
			return e.Send(cancelled, nil)
		}, []error{context.Canceled}},
		{"send past deadline", func(t *testing.T, e *rpmsg.Endpoint, _ int) error {
			return e.Send(past, nil)
		}, []error{context.DeadlineExceeded}},
		{"recv cancelled", func(t *testing.T, e *rpmsg.Endpoint, _ int) error {
			_, err := e.Recv(cancelled, nil)
			return err
		}, []error{context.Canceled}},
		{"recv deadline", func(t *testing.T, e *rpmsg.Endpoint, _ int) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err := e.Recv(ctx, nil)
			return err
		}, []error{context.DeadlineExceeded}},
		{"send to a full ring, deadline", func(t *testing.T, e *rpmsg.Endpoint, _ int) error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			for {
				if err := e.Send(ctx, []byte("x")); err != nil {
					return err
				}
			}
		}, []error{context.DeadlineExceeded}},
		{"send, peer gone", func(t *testing.T, e *rpmsg.Endpoint, peer int) error {
			syscall.Shutdown(peer, syscall.SHUT_RD)
			return e.Send(t.Context(), []byte("x"))
		}, []error{rpmsg.ErrPeerGone, syscall.EPIPE}},
		{"stays gone", func(t *testing.T, e *rpmsg.Endpoint, peer int) error {
			syscall.Shutdown(peer, syscall.SHUT_RD)
			e.Send(t.Context(), []byte("x"))
			_, err := e.Recv(t.Context(), nil)
			return err
		}, []error{rpmsg.ErrPeerGone, syscall.EPIPE}},
		{"send closed", func(t *testing.T, e *rpmsg.Endpoint, _ int) error {
			e.Close()
			return e.Send(t.Context(), nil)
		}, []error{os.ErrClosed}},
		{"recv closed", func(t *testing.T, e *rpmsg.Endpoint, _ int) error {
			e.Close()
			_, err := e.Recv(t.Context(), nil)
			return err
		}, []error{os.ErrClosed}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, peer := pair(t)
			err := test.do(t, e, peer)
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("%v is not %v", err, want)
				}
			}
			if err != nil && !strings.Contains(err.Error(), "test") {
				t.Errorf("%v does not name the endpoint", err)
			}
		})
	}
}

func TestNewEndpointErrors(t *testing.T) {
	regular, err := os.Create(filepath.Join(t.TempDir(), "regular"))
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	for _, test := range []struct {
		name string
		fd   int
		want error
	}{
		{"negative", -1, syscall.EBADF},
		{"not open", 1 << 20, syscall.EBADF},
		{"regular file", int(regular.Fd()), syscall.EPERM},
	} {
		t.Run(test.name, func(t *testing.T) {
			if e, err := rpmsg.NewEndpoint(test.fd, "x"); e != nil || !errors.Is(err, test.want) {
				t.Errorf("%v, %v; want %v", e, err, test.want)
			}
		})
	}
	if _, err := regular.WriteString("still ours"); err != nil {
		t.Errorf("a refused descriptor was taken: %v", err)
	}
	if _, err := rpmsg.Open(filepath.Join(t.TempDir(), "rpmsg0")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := rpmsg.Open(regular.Name()); !errors.Is(err, syscall.EPERM) {
		t.Error(err)
	}
}

func TestCloseWakes(t *testing.T) {
	e, _ := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for { // fill the ring
		full, stop := context.WithTimeout(ctx, time.Millisecond)
		err := e.Send(full, []byte("x"))
		stop()
		if err != nil {
			break
		}
	}
	const n = 4
	errs := make(chan error, 2*n)
	var started sync.WaitGroup
	for i := range n {
		started.Add(2)
		ctx := ctx
		if i%2 == 0 {
			ctx = context.Background()
		}
		go func() { started.Done(); _, err := e.Recv(ctx, nil); errs <- err }()
		go func() { started.Done(); errs <- e.Send(ctx, []byte("x")) }()
	}
	started.Wait()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for range 2 * n {
		if err := <-errs; !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
	if err := e.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// A pending error of the file wakes a sleeper: here a datagram that was answered by an ICMP message.
func TestErrorWakes(t *testing.T) {
	listener, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Skip("no loopback network:", err)
	}
	addr := listener.LocalAddr().(*net.UDPAddr)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	listener.Close() // the port answers "unreachable" from here on
	e, err := rpmsg.NewEndpoint(fd, "udp")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	got := make(chan error, 1)
	go func() { _, err := e.Recv(t.Context(), nil); got <- err }()
	e.Send(t.Context(), []byte("x")) // may itself meet the error
	if err := <-got; !errors.Is(err, rpmsg.ErrPeerGone) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrent(t *testing.T) {
	e, peer := pair(t)
	echo := second(t, peer)
	var echoing sync.WaitGroup
	echoing.Go(func() {
		buf := make([]byte, rpmsg.MaxPayload)
		for {
			n, err := echo.Recv(context.Background(), buf)
			if err != nil {
				return
			}
			if echo.Send(context.Background(), buf[:n]) != nil {
				return
			}
		}
	})
	const senders, each = 4, 500
	var wg sync.WaitGroup
	seen := make([]bool, senders*each)
	var mu sync.Mutex
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if err := e.Send(t.Context(), fmt.Appendf(nil, "%d", s*each+i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			buf := make([]byte, rpmsg.MaxPayload)
			for range each {
				n, err := e.Recv(t.Context(), buf)
				if err != nil {
					t.Error(err)
					return
				}
				var i int
				if _, err := fmt.Sscan(string(buf[:n]), &i); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[i] {
					t.Errorf("message %d came twice", i)
				}
				seen[i] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := echo.Close(); err != nil {
		t.Error(err)
	}
	echoing.Wait()
}

func TestAllocs(t *testing.T) {
	e, peer := pair(t)
	msg, buf := make([]byte, 64), make([]byte, rpmsg.MaxPayload)
	cancellable, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, ctx := range []context.Context{context.Background(), cancellable} {
		if n := testing.AllocsPerRun(100, func() {
			if err := e.Send(ctx, msg); err != nil {
				t.Fatal(err)
			}
			syscall.Read(peer, buf)
			syscall.Write(peer, msg)
			if _, err := e.Recv(ctx, buf); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations", ctx, n)
		}
		// And when Recv has to sleep.
		kick := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for range kick {
				syscall.Write(peer, msg)
			}
		}()
		if n := testing.AllocsPerRun(100, func() {
			kick <- struct{}{}
			if _, err := e.Recv(ctx, buf); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations with sleep", ctx, n)
		}
		close(kick)
		<-stopped
	}
}

func BenchmarkEcho(b *testing.B) {
	for _, spin := range []time.Duration{0, 100 * time.Microsecond} {
		b.Run("spin="+spin.String(), func(b *testing.B) {
			e, peer := pair(b)
			e.Spin = spin
			echo := second(b, peer)
			echo.Spin = spin
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				buf := make([]byte, rpmsg.MaxPayload)
				for {
					n, err := echo.Recv(context.Background(), buf)
					if err != nil || echo.Send(context.Background(), buf[:n]) != nil {
						return
					}
				}
			}()
			msg, buf := make([]byte, 64), make([]byte, rpmsg.MaxPayload)
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Send(context.Background(), msg); err != nil {
					b.Fatal(err)
				}
				if _, err := e.Recv(context.Background(), buf); err != nil {
					b.Fatal(err)
				}
			}
			echo.Close()
			<-stopped
		})
	}
}
