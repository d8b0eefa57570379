// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_H
#define SERVER_H

// server_run announces the service "offload" to Linux and serves it; the task of an RTOS, or main behind Drivers_open. It
// returns only if that cannot be done.
int server_run(void);

#endif
