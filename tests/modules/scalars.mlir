// Scalars in and out, and the arithmetic that stays in bytecode: every function here runs on the
// interpreter alone, without a kernel.
// FLAGS: --iree-input-demote-f64-to-f32=false --iree-vm-target-extension-f64

func.func @id_i1(%a: i1) -> i1 { return %a : i1 }
func.func @id_i8(%a: i8) -> i8 { return %a : i8 }
func.func @id_i16(%a: i16) -> i16 { return %a : i16 }
func.func @id_i32(%a: i32) -> i32 { return %a : i32 }
func.func @id_i64(%a: i64) -> i64 { return %a : i64 }
func.func @id_index(%a: index) -> index { return %a : index }
func.func @id_f32(%a: f32) -> f32 { return %a : f32 }
func.func @id_f64(%a: f64) -> f64 { return %a : f64 }
func.func @nothing() { return }
func.func @swap(%a: i32, %b: f32, %c: i64, %d: f64) -> (f64, i64, f32, i32) {
  return %d, %c, %b, %a : f64, i64, f32, i32
}

func.func @int32(%a: i32, %b: i32) -> (i32, i32, i32, i32, i32, i32, i32, i32, i32, i32) {
  %0 = arith.addi %a, %b : i32
  %1 = arith.subi %a, %b : i32
  %2 = arith.muli %a, %b : i32
  %3 = arith.divsi %a, %b : i32
  %4 = arith.divui %a, %b : i32
  %5 = arith.remsi %a, %b : i32
  %6 = arith.remui %a, %b : i32
  %7 = arith.andi %a, %b : i32
  %8 = arith.ori %a, %b : i32
  %9 = arith.xori %a, %b : i32
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : i32, i32, i32, i32, i32, i32, i32, i32, i32, i32
}
func.func @int32_more(%a: i32, %b: i32) -> (i32, i32, i32, i32, i32, i32, i32, i32, i32, i32) {
  %c5 = arith.constant 5 : i32
  %0 = arith.shli %a, %c5 : i32
  %1 = arith.shrsi %a, %c5 : i32
  %2 = arith.shrui %a, %c5 : i32
  %3 = math.ctlz %a : i32
  %4 = arith.minsi %a, %b : i32
  %5 = arith.maxsi %a, %b : i32
  %6 = arith.minui %a, %b : i32
  %7 = arith.maxui %a, %b : i32
  %8 = math.absi %a : i32
  %c = arith.cmpi slt, %a, %b : i32
  %9 = arith.select %c, %a, %b : i32
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : i32, i32, i32, i32, i32, i32, i32, i32, i32, i32
}
func.func @compare32(%a: i32, %b: i32) -> (i1, i1, i1, i1, i1, i1, i1, i1, i1, i1) {
  %0 = arith.cmpi eq, %a, %b : i32
  %1 = arith.cmpi ne, %a, %b : i32
  %2 = arith.cmpi slt, %a, %b : i32
  %3 = arith.cmpi sle, %a, %b : i32
  %4 = arith.cmpi sgt, %a, %b : i32
  %5 = arith.cmpi sge, %a, %b : i32
  %6 = arith.cmpi ult, %a, %b : i32
  %7 = arith.cmpi ule, %a, %b : i32
  %8 = arith.cmpi ugt, %a, %b : i32
  %9 = arith.cmpi uge, %a, %b : i32
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : i1, i1, i1, i1, i1, i1, i1, i1, i1, i1
}
func.func @int64(%a: i64, %b: i64) -> (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) {
  %0 = arith.addi %a, %b : i64
  %1 = arith.subi %a, %b : i64
  %2 = arith.muli %a, %b : i64
  %3 = arith.divsi %a, %b : i64
  %4 = arith.divui %a, %b : i64
  %5 = arith.remsi %a, %b : i64
  %6 = arith.remui %a, %b : i64
  %7 = arith.andi %a, %b : i64
  %8 = arith.ori %a, %b : i64
  %9 = arith.xori %a, %b : i64
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : i64, i64, i64, i64, i64, i64, i64, i64, i64, i64
}
func.func @int64_more(%a: i64, %b: i64) -> (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) {
  %c35 = arith.constant 35 : i64
  %0 = arith.shli %a, %c35 : i64
  %1 = arith.shrsi %a, %c35 : i64
  %2 = arith.shrui %a, %c35 : i64
  %3 = math.ctlz %a : i64
  %4 = arith.minsi %a, %b : i64
  %5 = arith.maxsi %a, %b : i64
  %6 = arith.minui %a, %b : i64
  %7 = arith.maxui %a, %b : i64
  %8 = math.absi %a : i64
  %c = arith.cmpi slt, %a, %b : i64
  %9 = arith.select %c, %a, %b : i64
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : i64, i64, i64, i64, i64, i64, i64, i64, i64, i64
}
func.func @compare64(%a: i64, %b: i64) -> (i1, i1, i1, i1, i1, i1, i1, i1, i1, i1) {
  %0 = arith.cmpi eq, %a, %b : i64
  %1 = arith.cmpi ne, %a, %b : i64
  %2 = arith.cmpi slt, %a, %b : i64
  %3 = arith.cmpi sle, %a, %b : i64
  %4 = arith.cmpi sgt, %a, %b : i64
  %5 = arith.cmpi sge, %a, %b : i64
  %6 = arith.cmpi ult, %a, %b : i64
  %7 = arith.cmpi ule, %a, %b : i64
  %8 = arith.cmpi ugt, %a, %b : i64
  %9 = arith.cmpi uge, %a, %b : i64
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : i1, i1, i1, i1, i1, i1, i1, i1, i1, i1
}
func.func @widen(%a: i32, %b: i64) -> (i64, i64, i32, i32, i32, i32, i32, i64, i64) {
  %0 = arith.extsi %a : i32 to i64
  %1 = arith.extui %a : i32 to i64
  %2 = arith.trunci %b : i64 to i32
  %t8 = arith.trunci %a : i32 to i8
  %3 = arith.extsi %t8 : i8 to i32
  %4 = arith.extui %t8 : i8 to i32
  %t16 = arith.trunci %a : i32 to i16
  %5 = arith.extsi %t16 : i16 to i32
  %6 = arith.extui %t16 : i16 to i32
  %7 = arith.extsi %t8 : i8 to i64
  %8 = arith.extui %t16 : i16 to i64
  return %0, %1, %2, %3, %4, %5, %6, %7, %8 : i64, i64, i32, i32, i32, i32, i32, i64, i64
}
func.func @float32(%a: f32, %b: f32) -> (f32, f32, f32, f32, f32, f32, f32, f32, f32, f32) {
  %0 = arith.addf %a, %b : f32
  %1 = arith.subf %a, %b : f32
  %2 = arith.mulf %a, %b : f32
  %3 = arith.divf %a, %b : f32
  %4 = arith.negf %a : f32
  %5 = math.absf %a : f32
  %6 = math.ceil %a : f32
  %7 = math.floor %a : f32
  %8 = math.round %a : f32
  %9 = math.roundeven %a : f32
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9
    : f32, f32, f32, f32, f32, f32, f32, f32, f32, f32
}
func.func @float32_order(%a: f32, %b: f32) -> (f32, f32, i1, i1, i1, i1, i1, i1, i1, i1, f32) {
  %0 = arith.minimumf %a, %b : f32
  %1 = arith.maximumf %a, %b : f32
  %2 = arith.cmpf oeq, %a, %b : f32
  %3 = arith.cmpf une, %a, %b : f32
  %4 = arith.cmpf olt, %a, %b : f32
  %5 = arith.cmpf ole, %a, %b : f32
  %6 = arith.cmpf ogt, %a, %b : f32
  %7 = arith.cmpf ult, %a, %b : f32
  %8 = arith.cmpf ueq, %a, %b : f32
  %9 = arith.cmpf uno, %a, %b : f32
  %10 = arith.select %4, %a, %b : f32
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10
    : f32, f32, i1, i1, i1, i1, i1, i1, i1, i1, f32
}
func.func @float32_functions(%a: f32)
    -> (f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32) {
  %0 = math.exp %a : f32
  %1 = math.exp2 %a : f32
  %2 = math.expm1 %a : f32
  %3 = math.log %a : f32
  %4 = math.log10 %a : f32
  %5 = math.log1p %a : f32
  %6 = math.log2 %a : f32
  %7 = math.sqrt %a : f32
  %8 = math.rsqrt %a : f32
  %9 = math.sin %a : f32
  %10 = math.cos %a : f32
  %11 = math.tanh %a : f32
  %12 = math.atan %a : f32
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12
    : f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32
}
func.func @float32_two(%a: f32, %b: f32) -> (f32, f32) {
  %0 = math.powf %a, %b : f32
  %1 = math.atan2 %a, %b : f32
  return %0, %1 : f32, f32
}
func.func @erf32(%a: f32) -> f32 {
  %0 = math.erf %a : f32
  return %0 : f32
}
func.func @convert32(%i: i32, %f: f32) -> (f32, f32, i32, i32, i32, f32) {
  %0 = arith.sitofp %i : i32 to f32
  %1 = arith.uitofp %i : i32 to f32
  %2 = arith.fptosi %f : f32 to i32
  %3 = arith.fptoui %f : f32 to i32
  %4 = arith.bitcast %f : f32 to i32
  %5 = arith.bitcast %i : i32 to f32
  return %0, %1, %2, %3, %4, %5 : f32, f32, i32, i32, i32, f32
}
func.func @float64(%a: f64, %b: f64) -> (f64, f64, f64, f64, f64, f64, f64, f64, f64, f64) {
  %0 = arith.addf %a, %b : f64
  %1 = arith.subf %a, %b : f64
  %2 = arith.mulf %a, %b : f64
  %3 = arith.divf %a, %b : f64
  %4 = arith.negf %a : f64
  %5 = math.absf %a : f64
  %6 = math.ceil %a : f64
  %7 = math.floor %a : f64
  %8 = math.round %a : f64
  %9 = math.roundeven %a : f64
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9
    : f64, f64, f64, f64, f64, f64, f64, f64, f64, f64
}
func.func @float64_order(%a: f64, %b: f64) -> (f64, f64, i1, i1, i1, i1, i1, i1, i1, i1, f64) {
  %0 = arith.minimumf %a, %b : f64
  %1 = arith.maximumf %a, %b : f64
  %2 = arith.cmpf oeq, %a, %b : f64
  %3 = arith.cmpf une, %a, %b : f64
  %4 = arith.cmpf olt, %a, %b : f64
  %5 = arith.cmpf ole, %a, %b : f64
  %6 = arith.cmpf ogt, %a, %b : f64
  %7 = arith.cmpf ult, %a, %b : f64
  %8 = arith.cmpf ueq, %a, %b : f64
  %9 = arith.cmpf uno, %a, %b : f64
  %10 = arith.select %4, %a, %b : f64
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10
    : f64, f64, i1, i1, i1, i1, i1, i1, i1, i1, f64
}
func.func @float64_functions(%a: f64)
    -> (f64, f64, f64, f64, f64, f64, f64, f64, f64, f64, f64, f64, f64) {
  %0 = math.exp %a : f64
  %1 = math.exp2 %a : f64
  %2 = math.expm1 %a : f64
  %3 = math.log %a : f64
  %4 = math.log10 %a : f64
  %5 = math.log1p %a : f64
  %6 = math.log2 %a : f64
  %7 = math.sqrt %a : f64
  %8 = math.rsqrt %a : f64
  %9 = math.sin %a : f64
  %10 = math.cos %a : f64
  %11 = math.tanh %a : f64
  %12 = math.atan %a : f64
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12
    : f64, f64, f64, f64, f64, f64, f64, f64, f64, f64, f64, f64, f64
}
func.func @convert64(%i: i64, %f: f64) -> (f64, f64, i64, f64) {
  %0 = arith.sitofp %i : i64 to f64
  %1 = arith.uitofp %i : i64 to f64
  %2 = arith.bitcast %f : f64 to i64
  %3 = arith.bitcast %i : i64 to f64
  return %0, %1, %2, %3 : f64, f64, i64, f64
}
func.func @add_f32(%a: f32, %b: f32) -> f32 {
  %0 = arith.addf %a, %b : f32
  return %0 : f32
}
func.func @many_arguments(%a: i32, %b: i64, %c: f32, %d: f64, %e: i32, %f: i64, %g: f32, %h: f64,
                          %i: i32, %j: i64, %k: f32, %l: f64) -> (i64, f32, f64) {
  %0 = arith.addi %a, %e : i32
  %1 = arith.addi %0, %i : i32
  %2 = arith.extsi %1 : i32 to i64
  %3 = arith.addi %b, %f : i64
  %4 = arith.addi %3, %j : i64
  %5 = arith.addi %2, %4 : i64
  %6 = arith.addf %c, %g : f32
  %7 = arith.addf %6, %k : f32
  %9 = arith.addf %d, %h : f64
  %10 = arith.addf %9, %l : f64
  return %5, %7, %10 : i64, f32, f64
}
