// A call that begins after one fence and signals another.
func.func @twice(%x: tensor<1024xf32>) -> tensor<1024xf32> attributes {iree.abi.model = "coarse-fences"} {
  %0 = arith.addf %x, %x : tensor<1024xf32>
  return %0 : tensor<1024xf32>
}
