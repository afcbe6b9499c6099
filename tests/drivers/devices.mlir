// Programs for two devices, which the flags of make_modules.py name: kernels on both, tensors that go
// from one to the other, state on the second.
util.global private mutable @total {stream.affinity = #hal.device.promise<@device_b>} = dense<0.0> : tensor<64xf32>

// (a + b) on the first, squared on the second, less a on the first.
func.func @chain(%a: tensor<64xf32> {iree.abi.affinity = #hal.device.promise<@device_a>},
                 %b: tensor<64xf32> {iree.abi.affinity = #hal.device.promise<@device_a>})
    -> (tensor<64xf32> {iree.abi.affinity = #hal.device.promise<@device_a>}) {
  %0 = arith.addf %a, %b : tensor<64xf32>
  %1 = flow.tensor.transfer %0 : tensor<64xf32> to #hal.device.promise<@device_b>
  %2 = arith.mulf %1, %1 : tensor<64xf32>
  %3 = flow.tensor.transfer %2 : tensor<64xf32> to #hal.device.promise<@device_a>
  %4 = arith.subf %3, %a : tensor<64xf32>
  return %4 : tensor<64xf32>
}

// A matrix product on each, at the same time, and their sum on the second.
func.func @both(%a: tensor<16x16xf32> {iree.abi.affinity = #hal.device.promise<@device_a>},
                %b: tensor<16x16xf32> {iree.abi.affinity = #hal.device.promise<@device_b>})
    -> (tensor<16x16xf32> {iree.abi.affinity = #hal.device.promise<@device_b>}) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<16x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<16x16xf32>) -> tensor<16x16xf32>
  %0 = linalg.matmul ins(%a, %a : tensor<16x16xf32>, tensor<16x16xf32>)
    outs(%init : tensor<16x16xf32>) -> tensor<16x16xf32>
  %1 = linalg.matmul ins(%b, %b : tensor<16x16xf32>, tensor<16x16xf32>)
    outs(%init : tensor<16x16xf32>) -> tensor<16x16xf32>
  %2 = flow.tensor.transfer %0 : tensor<16x16xf32> to #hal.device.promise<@device_b>
  %3 = arith.addf %1, %2 : tensor<16x16xf32>
  return %3 : tensor<16x16xf32>
}

// Adds to what the second device keeps; the sum goes to the first.
func.func @accumulate(%x: tensor<64xf32> {iree.abi.affinity = #hal.device.promise<@device_a>})
    -> (tensor<64xf32> {iree.abi.affinity = #hal.device.promise<@device_a>}) {
  %0 = flow.tensor.transfer %x : tensor<64xf32> to #hal.device.promise<@device_b>
  %1 = util.global.load @total : tensor<64xf32>
  %2 = arith.addf %0, %1 : tensor<64xf32>
  util.global.store %2, @total : tensor<64xf32>
  %3 = flow.tensor.transfer %2 : tensor<64xf32> to #hal.device.promise<@device_a>
  return %3 : tensor<64xf32>
}
