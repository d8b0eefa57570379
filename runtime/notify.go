// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"

	"github.com/offload-runtime/offload/internal/wire"
)

// Notification is a message that a firmware sent by itself.
type Notification struct {
	Method     string
	Generation uint32
	params     wire.Values
}

// Decode stores the parameters, in order, in what the arguments point to.
func (n *Notification) Decode(dst ...any) error {
	v := n.params
	if v.Len() < len(dst) {
		return fmt.Errorf("notification %s has %d parameters, not %d: %w", n.Method, v.Len(), len(dst), ErrBadArguments)
	}
	for i, d := range dst {
		if err := decode(&v, d); err != nil {
			return fmt.Errorf("notification %s, parameter %d: %w", n.Method, i, err)
		}
	}
	return nil
}

// notificationQueue is how many notifications wait for their reader.
const notificationQueue = 64

// Notifications are the application's messages from the firmware. When nobody reads them the oldest stay and later ones are
// dropped and counted (Dropped). The channel is closed with the session.
func (s *Session) Notifications() <-chan Notification { return s.notes }

// Dropped is the number of notifications that were dropped because the queue was full.
func (s *Session) Dropped() uint64 { return s.dropped.Load() }

// notified takes a notification from the receiver of a link.
func (s *Session) notified(m *wire.Message) {
	switch {
	case len(m.Method.Name) > 0:
		n := Notification{Method: printable(m.Method.Name), Generation: s.proc.target.Generation()}
		n.params = copyValues(m.Params)
		select {
		case s.notes <- n:
		default:
			s.dropped.Add(1)
		}
	case m.Method.Num == wire.MethodLog:
		p := m.Params
		level, err := p.Uint()
		text, err2 := p.Str()
		if err != nil || err2 != nil {
			s.rt.stats.malformed.Add(1)
			return
		}
		levels := [...]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
		s.log.Log(context.Background(), levels[min(level, 3)], printable(text[:min(len(text), wire.MaxLogText)]), "from", "firmware")
	}
}

// copyValues takes the values out of the receive buffer.
func copyValues(v wire.Values) wire.Values {
	n := v.Len()
	var raw bytes.Buffer
	for v.Len() > 0 {
		b, err := v.Raw()
		if err != nil {
			return wire.Values{}
		}
		raw.Write(b)
	}
	return wire.NewValues(raw.Bytes(), n)
}
