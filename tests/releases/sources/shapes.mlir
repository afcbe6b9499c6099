// Elements of every width, moved about; shapes without any element.
func.func @move(%x: tensor<6x8xf32>, %y: tensor<3x4xf32>) -> (tensor<8x6xf32>, tensor<6x8xf32>) {
  %e = tensor.empty() : tensor<8x6xf32>
  %t = linalg.transpose ins(%x : tensor<6x8xf32>) outs(%e : tensor<8x6xf32>) permutation = [1, 0]
  %i = tensor.insert_slice %y into %x[1, 3] [3, 4] [1, 1] : tensor<3x4xf32> into tensor<6x8xf32>
  return %t, %i : tensor<8x6xf32>, tensor<6x8xf32>
}

func.func @bytes(%x: tensor<3x5xi8>, %y: tensor<3x5xi8>) -> (tensor<3x5xi8>, tensor<3x5xi1>) {
  %0 = arith.maxsi %x, %y : tensor<3x5xi8>
  %1 = arith.cmpi slt, %x, %y : tensor<3x5xi8>
  return %0, %1 : tensor<3x5xi8>, tensor<3x5xi1>
}

func.func @halves(%x: tensor<7xi16>, %y: tensor<7xi32>) -> (tensor<7xi32>, tensor<7xi16>) {
  %0 = arith.extsi %x : tensor<7xi16> to tensor<7xi32>
  %1 = arith.trunci %y : tensor<7xi32> to tensor<7xi16>
  return %0, %1 : tensor<7xi32>, tensor<7xi16>
}

func.func @wide(%x: tensor<2x3xf64>, %y: tensor<2x3xi64>) -> (tensor<2x3xf64>, tensor<2x3xi64>) {
  %0 = arith.sitofp %y : tensor<2x3xi64> to tensor<2x3xf64>
  %1 = arith.divf %x, %0 : tensor<2x3xf64>
  %2 = arith.muli %y, %y : tensor<2x3xi64>
  return %1, %2 : tensor<2x3xf64>, tensor<2x3xi64>
}

func.func @empty(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = arith.addf %x, %x : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
