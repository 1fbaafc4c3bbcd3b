namespace XClr.Data;

/// <summary>How small a JPEG is decoded: in eighths of its size, 1, 2, 4 or 8. Reduced: smaller than was asked for, since that would take more than <see cref="DecodeOptions.MaxBytes"/>.</summary>
internal readonly record struct DecodeScale(int Eighths, bool Reduced);
