// Columns of a lane in the variants for CPU drivers: COLUMNS (2 or 4) vec4, so that 8 lanes cover 64 or 128. Wide tiles need fewer loads per product. Loops
// over rows and columns are unrolled by macros; inside the innermost loop, choices are made by mix(): an `if` there, even one that a specialisation constant
// decides, makes lavapipe 22.3.6 copy all accumulators at every step.
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#if COLUMNS == 2
#define EACH_COLUMN(F, i) F(i, 0) F(i, 1)
#else
#define EACH_COLUMN(F, i) F(i, 0) F(i, 1) F(i, 2) F(i, 3)
#endif
layout(local_size_x = 8) in;
const int ROWS = 16, TILE_COLUMNS4 = 8 * COLUMNS;
