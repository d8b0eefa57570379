// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/subbuf"
)

// Of TI's simple_buffer_example (big-data-ipc-examples, host_linux/simple_buffer_example, AppCommon.h and App.c): one
// registered region, messages that name 16 KiB buffers by their offset in it, three messages in flight.
const (
	bigData     = 16384
	pipeline    = 3
	lastMessage = 16
	regionSize  = 4 * bigData
)

// message is one of the example in flight.
type message struct {
	id   int
	sub  *runtime.Sub // nil for NOP
	done chan error
}

// testSimpleBuffer plays the example twice, because its DSP side starts over after a shutdown: messages 1 SHARED_REGION_INIT,
// 2 and 3 NOP, 4 to 13 BIGDATA, 14 and 15 NOP, 16 SHUTDOWN; from the fourth on each is sent when one reply has come. Word j of
// a BIGDATA buffer is j+id on the way there, which the remote checks, and j+id+10 on the way back, which the host checks.
//
// The function set has no such function of its own: the remote proves what it sees with a CRC and writes the answer with
// add_i16. The example's cache maintenance of ranges is what sub-buffers are for: each message has its own DMA-BUF.
func testSimpleBuffer(t *testing.T, e *env) {
	for range 2 {
		s := e.start(t)
		region := e.alloc(t, e.Heap, regionSize, "region")
		ten := e.buffer(t, "ten", words(func(int) uint32 { return 10 }))
		var free []int64 // offsets: the example's HeapMem over the region
		for off := int64(0); off < regionSize; off += bigData {
			free = append(free, off)
		}
		open := make(chan *message, pipeline)
		send := func(id int) error {
			m := &message{id: id, done: make(chan error, 1)}
			switch {
			case id == 1: // SHARED_REGION_INIT: the remote reaches all of it
				go func() { m.done <- s.Call(e.ctx(t), "sum", nil, region.In()) }()
			case id >= 4 && id < 14: // BIGDATA
				off := free[0]
				free = free[1:]
				var err error
				if m.sub, err = region.Sub(e.ctx(t), runtime.SubConfig{
					Region: subbuf.Range{Offset: off, Size: bigData}, Access: dmabuf.ReadWrite, Mode: subbuf.Copy, Name: fmt.Sprintf("message %d", id),
				}); err != nil {
					return err
				}
				want := words(func(j int) uint32 { return uint32(j + id) })
				if _, err := m.sub.Buffer().WriteAt(want, 0); err != nil {
					return err
				}
				go func() { m.done <- remote(e.ctx(t), s, m.sub, ten, want) }()
			case id == lastMessage: // SHUTDOWN: the session is closed when all replies are there
				m.done <- nil
			default: // NOP
				go func() { m.done <- s.Call(e.ctx(t), "echo", nil, id) }()
			}
			open <- m
			return nil
		}
		receive := func() error {
			m := <-open
			if err := <-m.done; err != nil || m.sub == nil {
				return err
			}
			if err := m.sub.Commit(); err != nil {
				return err
			}
			off := m.sub.Region().(subbuf.Range).Offset
			got := make([]byte, bigData)
			if _, err := region.ReadAt(got, off); err != nil {
				return err
			}
			for j := range bigData / 4 {
				if w := binary.LittleEndian.Uint32(got[4*j:]); w != uint32(m.id+10+j) {
					return fmt.Errorf("message %d, word %d is %d, want %d", m.id, j, w, m.id+10+j)
				}
			}
			free = append(free, off)
			return m.sub.Close()
		}
		var errs []error
		for id := 1; id <= pipeline; id++ {
			errs = append(errs, send(id))
		}
		for id := pipeline + 1; id <= lastMessage; id++ {
			errs = append(errs, receive(), send(id))
		}
		for range pipeline {
			errs = append(errs, receive())
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func words(f func(j int) uint32) []byte {
	var p []byte
	for j := range bigData / 4 {
		p = binary.LittleEndian.AppendUint32(p, f(j))
	}
	return p
}

// remote is the DSP side for one buffer: check, then add ten to each word. No word is larger than an int16, so that its upper
// half stays 0.
func remote(ctx context.Context, s *runtime.Session, m *runtime.Sub, ten *runtime.Buffer, want []byte) error {
	var crc uint32
	if err := s.Call(ctx, "crc32c", &crc, m.In()); err != nil {
		return err
	}
	if crc != functions.CRC32C(want) {
		return fmt.Errorf("%s: the remote sees CRC %#x, want %#x", m.Name(), crc, functions.CRC32C(want))
	}
	return s.Call(ctx, "add_i16", nil, m.Out(), m.In(), ten.In())
}
