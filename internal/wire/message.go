// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"time"
)

// Message is one parsed message. Its slices lie in the payload that was parsed.
type Message struct {
	Kind    Kind
	ID      uint32        // requests and responses
	Method  Method        // requests and notifications
	Params  Values        // requests and notifications
	Timeout time.Duration // requests: time left, 0 = no limit
	Code    Code          // responses: 0 = no error
	Text    []byte        // responses: text of the error
	Result  Values        // responses: one value

	// HasID says that ID is valid although Parse returned an error: a request then deserves an answer.
	HasID bool
}

// Parse checks and splits the first message of a payload; rest is what follows it. When it returns an error the payload
// is of no further use, but Message.Kind and ID are valid if HasID is set.
func Parse(payload []byte) (m Message, rest []byte, err error) {
	n, err := skip(payload, MaxDepth)
	whole := payload
	if err == nil {
		whole, rest = payload[:n], payload[n:]
	}
	if e := m.head(whole); err == nil {
		err = e
	}
	if err != nil {
		return m, nil, err
	}
	return m, rest, nil
}

// head splits a message. Where the message is cut off it goes as far as it can, so that an id may still be found.
func (m *Message) head(b []byte) error {
	f, err := scan(b)
	if err != nil {
		return err
	}
	if !container(b[0]) || b[0] < 0x90 || b[0] >= 0xde {
		return errType
	}
	v := Values{raw: b[f.head:], n: int(min(f.nested, math.MaxInt32))}
	kind, err := v.Uint()
	if err != nil {
		return err
	}
	count := f.nested
	switch m.Kind = Kind(min(kind, math.MaxUint8)); m.Kind {
	case Request:
		if err := m.id(&v); err != nil {
			return err
		}
		if count != 4 && count != 5 {
			return errCount
		}
		if err := m.call(&v); err != nil {
			return err
		}
		if count == 5 {
			us, err := v.Uint()
			if err != nil {
				return err
			}
			if us > math.MaxUint32 {
				return errRange
			}
			m.Timeout = time.Duration(us) * time.Microsecond
		}
		return nil
	case Response:
		if err := m.id(&v); err != nil {
			return err
		}
		if count != 4 {
			return errCount
		}
		return m.answer(&v)
	case Notification:
		if count != 3 {
			return errCount
		}
		return m.call(&v)
	}
	return errKind
}

func (m *Message) id(v *Values) error {
	id, err := v.Uint()
	if err != nil {
		return err
	}
	if id > math.MaxUint32 {
		return errRange
	}
	m.ID, m.HasID = uint32(id), true
	return nil
}

func (m *Message) call(v *Values) (err error) {
	switch v.Type() {
	case TypeUint:
		n, err := v.Uint()
		if err != nil {
			return err
		}
		if n > math.MaxUint32 {
			return errRange
		}
		m.Method.Num = uint32(n)
	case TypeStr:
		if m.Method.Name, err = v.Str(); err != nil {
			return err
		}
		if len(m.Method.Name) == 0 || len(m.Method.Name) > MaxMethodName {
			return errMethod
		}
	default:
		return errMethod
	}
	m.Params, err = v.Array()
	return err
}

func (m *Message) answer(v *Values) error {
	if v.Type() == TypeNil {
		if err := v.Nil(); err != nil {
			return err
		}
	} else {
		e, err := v.Array()
		if err != nil {
			return err
		}
		if e.Len() != 2 {
			return errCount
		}
		code, err := e.Uint()
		if err != nil {
			return err
		}
		if code == 0 || code > math.MaxUint32 {
			return errRange
		}
		m.Code = Code(code)
		if m.Text, err = e.Str(); err != nil {
			return err
		}
	}
	m.Result = Values{raw: v.raw, n: 1}
	if m.Code != 0 {
		return v.Nil()
	}
	return nil
}
