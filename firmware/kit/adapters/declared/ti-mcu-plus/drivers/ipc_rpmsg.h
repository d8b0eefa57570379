// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of the MCU+ SDK, source/drivers/ipc_rpmsg.h.

#ifndef IPC_RPMSG_H_
#define IPC_RPMSG_H_

#include <stdint.h>

#include <kernel/dpl/SystemP.h>

// Of drivers/hw_include/*/cslr_soc.h: the core that runs Linux, by the SoC.
#define CSL_CORE_ID_A53SS0_0 (8U)

typedef struct RPMessage_Object_s {
	uintptr_t rsv[48];
} RPMessage_Object;

typedef void (*RPMessage_RecvCallback)(RPMessage_Object *obj, void *arg, void *data, uint16_t dataLen, int32_t crcStatus,
				       uint16_t remoteCoreId, uint16_t remoteEndPt);
typedef void (*RPMessage_RecvNotifyCallback)(RPMessage_Object *obj, void *arg);

typedef struct {
	uint16_t localEndPt;
	RPMessage_RecvCallback recvCallback;
	void *recvCallbackArgs;
	RPMessage_RecvNotifyCallback recvNotifyCallback;
	void *recvNotifyCallbackArgs;
} RPMessage_CreateParams;

void RPMessage_CreateParams_init(RPMessage_CreateParams *params);
int32_t RPMessage_waitForLinuxReady(uint32_t timeout);
int32_t RPMessage_construct(RPMessage_Object *obj, const RPMessage_CreateParams *createParams);
int32_t RPMessage_announce(uint16_t remoteProcId, uint16_t localEndPt, const char *name);
int32_t RPMessage_send(void *data, uint16_t dataLen, uint16_t remoteCoreId, uint16_t remoteEndPt, uint16_t localEndPt,
		       uint32_t timeout);
int32_t RPMessage_recv(RPMessage_Object *obj, void *data, uint16_t *dataLen, uint16_t *remoteCoreId, uint16_t *remoteEndPt,
		       uint32_t timeout);

#endif
