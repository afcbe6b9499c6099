// Calls that begin after one fence and signal another: a small kernel, and one that takes a while.
// On util.func: the attribute does nothing on others.
util.func public @twice(%x: tensor<1024xf32>) -> tensor<1024xf32>
    attributes {iree.abi.model = "coarse-fences"} {
  %0 = arith.addf %x, %x : tensor<1024xf32>
  util.return %0 : tensor<1024xf32>
}

util.func public @product(%a: tensor<128x128xf32>, %b: tensor<128x128xf32>) -> tensor<128x128xf32>
    attributes {iree.abi.model = "coarse-fences"} {
  %zero = arith.constant 0.0 : f32
  %0 = tensor.empty() : tensor<128x128xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%0 : tensor<128x128xf32>) -> tensor<128x128xf32>
  %2 = linalg.matmul ins(%a, %b : tensor<128x128xf32>, tensor<128x128xf32>)
    outs(%1 : tensor<128x128xf32>) -> tensor<128x128xf32>
  util.return %2 : tensor<128x128xf32>
}
