/* SPDX-License-Identifier: Apache-2.0 */
/* The FileDescriptorSet of proto/vinyldns.proto, generated and embedded at build time. */
#ifndef PROTO_VINYLDNS_DESC_H
#define PROTO_VINYLDNS_DESC_H

extern const unsigned char vinyldns_desc[];
extern const unsigned long vinyldns_desc_n;

#endif
