/*
 * version - which Corridor this is: `--version`, the health hash, /metrics, the client id at Kafka and Redis.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define CORRIDOR_VERSION "0.1.0"

#endif
