/* Cotangent: a C library for training and studying convolutional networks.
 * This header includes every layer; each layer's header can be read alone. */
#ifndef COTANGENT_H
#define COTANGENT_H

#include <cotangent/version.h>
#include <cotangent/tensor.h>
#include <cotangent/io.h>
#include <cotangent/data.h>
#include <cotangent/events.h>
#include <cotangent/onnx.h>
#include <cotangent/tape.h>
#include <cotangent/ops.h>
#include <cotangent/conv.h>
#include <cotangent/nn.h>
#include <cotangent/optim.h>
#include <cotangent/check.h>

#endif
