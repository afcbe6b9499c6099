// Kernels with fixed and with given sizes, several results, an identity that hands its input back.
func.func @floats(%x: tensor<5x7xf32>, %y: tensor<5x7xf32>) -> (tensor<5x7xf32>, tensor<5x7xf32>) {
  %0 = arith.addf %x, %y : tensor<5x7xf32>
  %1 = arith.mulf %0, %y : tensor<5x7xf32>
  %2 = arith.subf %1, %x : tensor<5x7xf32>
  %3 = arith.divf %x, %y : tensor<5x7xf32>
  return %2, %3 : tensor<5x7xf32>, tensor<5x7xf32>
}

func.func @integers(%x: tensor<4x6xi32>, %y: tensor<4x6xi32>) -> tensor<4x6xi32> {
  %0 = arith.muli %x, %y : tensor<4x6xi32>
  %1 = arith.xori %0, %x : tensor<4x6xi32>
  %2 = arith.maxsi %1, %y : tensor<4x6xi32>
  return %2 : tensor<4x6xi32>
}

func.func @dynamic(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = arith.mulf %x, %y : tensor<?x?xf32>
  %1 = arith.addf %0, %y : tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}

func.func @same(%x: tensor<3xi32>) -> tensor<3xi32> {
  return %x : tensor<3xi32>
}
