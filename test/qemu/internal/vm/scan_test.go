// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"strings"
	"testing"
)

func TestScan(t *testing.T) {
	const quiet = `[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd083]
[    0.310000] remoteproc remoteproc0: crash detected in dsp0: type fatal error
[    0.311000] remoteproc remoteproc0: handling crash #1 in dsp0
[    0.312000] bugs: none here, warnings: none
`
	if found := Scan([]byte(quiet)); len(found) != 0 {
		t.Errorf("found %v in a good log", found)
	}
	if found := Scan(nil); len(found) != 0 {
		t.Errorf("found %v in an empty log", found)
	}
	for name, line := range map[string]string{
		"panic":      "[    0.4] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000200",
		"oops":       "[    1.2] Internal error: Oops: 0000000096000004 [#1] SMP",
		"null":       "[    1.2] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008",
		"bug":        "[    1.2] kernel BUG at mm/slub.c:553!",
		"sleeping":   "[    1.2] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585",
		"warning":    "[    1.2] WARNING: CPU: 0 PID: 42 at lib/refcount.c:28 refcount_warn_saturate+0xf4/0x144",
		"lockdep":    "[    1.2] WARNING: possible circular locking dependency detected",
		"hung task":  "[   61.1] INFO: task rpmsg.test:71 blocked for more than 30 seconds.",
		"rcu":        "[   21.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
		"softlockup": "[   22.0] watchdog: BUG: soft lockup - CPU#0 stuck for 21s! [rpmsg.test:71]",
		"list":       "[    1.2] list_del corruption. prev->next should be ffff, but was 0000",
		"oom":        "[    1.2] Out of memory: Killed process 71 (rpmsg.test) total-vm:1kB",
	} {
		t.Run(name, func(t *testing.T) {
			found := Scan([]byte(quiet + line + "\r\n[    1.2] Call trace:\r\n"))
			if len(found) != 1 || found[0].Line != 5 || !strings.HasPrefix(found[0].Text, line+"\n") {
				t.Errorf("found %+v", found)
			}
		})
	}
}

func TestScanGivesContextOnce(t *testing.T) {
	oops := "[ 1.0] Unable to handle kernel paging request at virtual address dead\n" +
		"[ 1.0] Internal error: Oops: 96000004\n" + strings.Repeat("[ 1.0]  frame\n", 40)
	found := Scan([]byte(oops + "[ 2.0] WARNING: CPU: 0 PID: 1 at x.c:1 x+0x0/0x4\n"))
	if len(found) != 2 || found[0].Line != 1 || found[1].Line != 43 {
		t.Fatalf("found %+v", found)
	}
	if n := strings.Count(found[0].Text, "\n") + 1; n != contextLines {
		t.Errorf("%d lines of context", n)
	}
}
