// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/internal/wire"
)

// Code is the code of an error response, docs/protocol.md section 5.
type Code = wire.Code

// Codes that functions may answer with. Those from CodeApplication on are the application's own.
const (
	CodeUnknownMethod = wire.CodeUnknownMethod
	CodeBadArguments  = wire.CodeBadArguments
	CodeBadBuffer     = wire.CodeBadBuffer
	CodeTooLarge      = wire.CodeTooLarge
	CodeLate          = wire.CodeLate
	CodeCancelled     = wire.CodeCancelled
	CodeBusy          = wire.CodeBusy
	CodeFailed        = wire.CodeFailed
	CodeVersion       = wire.CodeVersion
	CodeInternal      = wire.CodeInternal
	CodeApplication   = wire.CodeApplication
)

// Error is an error response.
type Error struct {
	Code Code
	Text string
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Text }

// Call is one call of a function, valid until the function returns. Its methods belong to the goroutine of the function.
//
// Arguments are taken one after the other. After one that is missing or of another type the rest are zero, and End and
// Err tell; a function that calls neither is answered for with that error all the same.
type Call struct {
	run      *run
	conn     *conn
	id       uint32
	method   string
	params   wire.Values
	err      error
	deadline time.Time // zero: none
	reply    []byte
	crash    string // crash after the answer
	pins     []*buffer

	ctx    context.Context // made when it is asked for
	cancel context.CancelCauseFunc
	stop   context.CancelFunc
	buf    [mtu + 16]byte
}

func (c *Call) reset(r *run) { c.run = r }

func (c *Call) begin(conn *conn, id uint32, method string) {
	c.conn, c.id, c.method = conn, id, method
	c.params, c.err, c.deadline, c.reply, c.crash = wire.Values{}, nil, time.Time{}, nil, ""
}

// close ends what the call held, but not its answer.
func (c *Call) close() {
	for i, b := range c.pins {
		b.unref()
		c.pins[i] = nil
	}
	c.pins = c.pins[:0]
	if c.ctx != nil {
		c.cancel(context.Canceled)
		c.stop()
		c.ctx = nil
	}
}

func (c *Call) mtu() int { return int(c.conn.session.mtu.Load()) }

// Method is the name of the function.
func (c *Call) Method() string { return c.method }

// Deadline is when the caller gives up.
func (c *Call) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Context ends when the caller's time is over, when the call is cancelled, and when the processor stops. A function that
// holds the core never sees a cancellation, because the message waits for the core.
func (c *Call) Context() context.Context {
	if c.ctx == nil {
		c.openContext()
	}
	return c.ctx
}

func (c *Call) openContext() {
	c.ctx, c.cancel = context.WithCancelCause(c.run.ctx)
	c.stop = func() {}
	if !c.deadline.IsZero() {
		c.ctx, c.stop = context.WithDeadline(c.ctx, c.deadline)
	}
}

// Printf writes one line to the trace buffer.
func (c *Call) Printf(format string, args ...any) { c.run.trace.printf(format, args...) }

// Level is the level of a log notification.
type Level uint8

// The levels of docs/protocol.md.
const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarning
	LevelError
)

// Log sends one line to the host, if it asked for log notifications in hello.
func (c *Call) Log(l Level, text string) {
	if !c.conn.session.wants(wire.FeatureLog) {
		return
	}
	b := wire.AppendNotification(nil, wire.Method{Num: wire.MethodLog}, 2)
	b = wire.AppendStr(wire.AppendUint(b, uint64(l)), text[:min(len(text), wire.MaxLogText)])
	c.run.toHost(c.conn, "log", b)
}

// Notify sends a notification of the application with one parameter, encoded by the rules of msgpack.Marshal.
func (c *Call) Notify(name string, v any) error {
	raw, err := msgpack.Marshal(v)
	if err != nil {
		return err
	}
	if name == "" || len(name) > wire.MaxMethodName {
		return fmt.Errorf("notification %q: a name has 1 to %d bytes", name, wire.MaxMethodName)
	}
	b := append(wire.AppendNotification(nil, wire.Method{Name: []byte(name)}, 1), raw...)
	if len(b) > c.mtu() {
		return fmt.Errorf("notification %q: %w", name, tooLong(len(b)))
	}
	c.run.toHost(c.conn, name, b)
	return nil
}

// finish takes what the function returned.
func (c *Call) finish(err error) {
	if c.err != nil {
		err = c.err // the argument at fault says more than what followed from it
	}
	if err == nil {
		if c.reply == nil {
			c.reply = wire.AppendNil(wire.AppendResponse(c.buf[:0], c.id))
		}
		if len(c.reply) > c.mtu() {
			c.fail(CodeTooLarge, fmt.Sprintf("a result of %d bytes does not fit into %d", len(c.reply), c.mtu()))
		}
		return
	}
	var own *Error
	var ref *functions.Error
	switch {
	case errors.As(err, &own):
		c.fail(own.Code, own.Text)
	case errors.As(err, &ref):
		c.fail(ref.Code, ref.Text)
	case errors.Is(err, context.DeadlineExceeded):
		c.fail(CodeLate, "the time was over before the work ended")
	case errors.Is(err, context.Canceled):
		c.fail(CodeCancelled, "cancelled")
	default:
		c.fail(CodeFailed, err.Error())
	}
}

func (c *Call) fail(code Code, text string) {
	if code == 0 {
		code = CodeInternal
	}
	c.run.errors.Add(1)
	c.reply = wire.AppendError(c.buf[:0], c.id, code, text)
}

func (c *Call) send() {
	c.run.toHost(c.conn, c.method, c.reply)
	c.reply = nil
}
