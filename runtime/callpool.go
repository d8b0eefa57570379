// SPDX-License-Identifier: Apache-2.0

package runtime

// getCall returns a call for one request. Calls rest with their session, which never has more open than its window, so
// that they do not come and go with the garbage collector.
func (s *Session) getCall() *call {
	select {
	case c := <-s.calls:
		return c
	default:
		return &call{done: make(chan struct{}, 1)}
	}
}

func (s *Session) putCall(c *call) {
	if c.abandoned { // the receiver still has it
		return
	}
	c.err, c.code = nil, 0
	select {
	case s.calls <- c:
	default:
	}
}

func (s *Session) getArgs() *Args {
	select {
	case a := <-s.args:
		return a
	default:
		return &Args{}
	}
}

func (s *Session) putArgs(a *Args) {
	select {
	case s.args <- a.Reset():
	default:
	}
}
