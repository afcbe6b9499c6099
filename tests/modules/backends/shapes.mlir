// Moving elements about, elements of every width, and shapes without any.
func.func @move(%a: tensor<6x8xf32>, %b: tensor<3x4xf32>) -> (tensor<8x6xf32>, tensor<6x8xf32>) {
  %e = tensor.empty() : tensor<8x6xf32>
  %t = linalg.transpose ins(%a : tensor<6x8xf32>) outs(%e : tensor<8x6xf32>) permutation = [1, 0]
  %i = tensor.insert_slice %b into %a[1, 3] [3, 4] [1, 1] : tensor<3x4xf32> into tensor<6x8xf32>
  return %t, %i : tensor<8x6xf32>, tensor<6x8xf32>
}

func.func @bytes(%a: tensor<3x5xi8>, %b: tensor<3x5xi8>) -> (tensor<3x5xi8>, tensor<3x5xi1>) {
  %0 = arith.maxsi %a, %b : tensor<3x5xi8>
  %1 = arith.cmpi slt, %a, %b : tensor<3x5xi8>
  return %0, %1 : tensor<3x5xi8>, tensor<3x5xi1>
}

func.func @halves(%a: tensor<7xi16>, %b: tensor<7xi32>) -> (tensor<7xi32>, tensor<7xi16>) {
  %0 = arith.extsi %a : tensor<7xi16> to tensor<7xi32>
  %1 = arith.trunci %b : tensor<7xi32> to tensor<7xi16>
  return %0, %1 : tensor<7xi32>, tensor<7xi16>
}

func.func @doubles(%a: tensor<2x3xf64>, %b: tensor<2x3xi64>) -> (tensor<2x3xf64>, tensor<2x3xi64>) {
  %0 = arith.sitofp %b : tensor<2x3xi64> to tensor<2x3xf64>
  %1 = arith.divf %a, %0 : tensor<2x3xf64>
  %2 = arith.muli %b, %b : tensor<2x3xi64>
  return %1, %2 : tensor<2x3xf64>, tensor<2x3xi64>
}

func.func @empty(%a: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = arith.addf %a, %a : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
