// SPDX-License-Identifier: Apache-2.0

package wire

import "fmt"

// Version is the protocol version of docs/protocol.md.
const Version = 1

// Service is the name under which firmware announces the protocol.
const Service = "offload"

// Limits of docs/protocol.md.
const (
	MaxDepth       = 8   // levels of nesting in a message
	MaxMethodName  = 32  // bytes
	MaxErrorText   = 100 // bytes
	MaxLogText     = 200 // bytes
	MaxName        = 32  // bytes, of a firmware
	FirstTableSlot = 16  // number of the first method of the remote's table
)

// Kind is the first element of a message.
type Kind uint8

// The kinds of messages.
const (
	Request Kind = iota
	Response
	Notification
)

// Methods and notifications of the protocol itself.
const (
	MethodHello uint32 = iota
	MethodMethods
	MethodPing
	MethodCancel
	MethodStats
	MethodClock
	MethodLog
	MethodBeat
)

// Features of hello.
const (
	FeatureDeadline uint64 = 1 << iota
	FeatureCancel
	FeatureBatch
	FeatureBeat
	FeatureLog
)

// Code is the code of an error response.
type Code uint32

// The codes of docs/protocol.md section 5.
const (
	CodeUnknownMethod Code = iota + 1
	CodeBadArguments
	CodeBadBuffer
	CodeTooLarge
	CodeLate
	CodeCancelled
	CodeBusy
	CodeFailed
	CodeVersion
	CodeInternal
)

// CodeApplication is the first code that belongs to the application.
const CodeApplication Code = 256

func (c Code) String() string {
	names := [...]string{"no error", "unknown method", "bad arguments", "bad buffer", "result too large", "late", "cancelled",
		"busy", "failed", "no common protocol version", "internal error"}
	if int64(c) < int64(len(names)) {
		return names[c]
	}
	if c >= CodeApplication {
		return fmt.Sprintf("application error %d", uint32(c))
	}
	return fmt.Sprintf("error %d", uint32(c))
}

// Method is the method of a request or notification: a number, or a name where Name is not empty.
type Method struct {
	Num  uint32
	Name []byte
}

func (m Method) String() string {
	if len(m.Name) > 0 {
		return string(m.Name)
	}
	return fmt.Sprintf("#%d", m.Num)
}
