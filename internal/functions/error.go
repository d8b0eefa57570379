// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"fmt"

	"github.com/offload-runtime/offload/internal/wire"
)

// Error is the refusal of a function: a code of docs/protocol.md section 5 and a text for people.
type Error struct {
	Code wire.Code
	Text string
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Text }

func badArgs(format string, args ...any) error {
	return &Error{Code: wire.CodeBadArguments, Text: fmt.Sprintf(format, args...)}
}

func badBuffer(format string, args ...any) error {
	return &Error{Code: wire.CodeBadBuffer, Text: fmt.Sprintf(format, args...)}
}
