# publish.ps1            on Windows: xclr.exe as one file that carries .NET, in build\publish\win-x64
# publish.ps1 -Library   on Windows: libxclr.dll and what it loads, in build\plugin
#
# NEVER RUN by this project, which has no Windows machine. NativeAOT does not cross operating systems, so the library cannot be made elsewhere. What it needs:
#   - the .NET 10 SDK, and for the library the C++ build tools of Visual Studio 2022 (NativeAOT links with them)
#   - MSYS2 (C:\msys64, or $env:MSYS2): pacman -S mingw-w64-ucrt-x86_64-gcc mingw-w64-ucrt-x86_64-cmake mingw-w64-ucrt-x86_64-ninja mingw-w64-ucrt-x86_64-pkgconf mingw-w64-ucrt-x86_64-libjpeg-turbo mingw-w64-ucrt-x86_64-shaderc
param([switch]$Library)
$ErrorActionPreference = 'Stop'
$root = Split-Path -Parent $PSScriptRoot
$msys = if ($env:MSYS2) { $env:MSYS2 } else { 'C:\msys64' }
if (-not (Test-Path "$msys\ucrt64\bin\gcc.exe")) { throw "There is no $msys\ucrt64\bin\gcc.exe: install MSYS2 and the packages that this script names." }
# The compiler, CMake and glslc; bash runs native/build.sh, which the build calls.
$env:PATH = "$msys\ucrt64\bin;$msys\usr\bin;$env:PATH"
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'

function Invoke-Step { & $args[0] @($args | Select-Object -Skip 1); if ($LASTEXITCODE -ne 0) { throw "$args ended with exit code $LASTEXITCODE." } }

Push-Location $root
try {
  Invoke-Step cmake --preset windows
  Invoke-Step cmake --build --preset windows --target shaders native
  if ($Library) {
    $folder = 'build\plugin'
    Invoke-Step dotnet publish src/XClr.Plugin -c Release -r win-x64 -o $folder -nologo
  } else {
    $folder = 'build\publish\win-x64'
    Invoke-Step dotnet publish src/XClr.Cli -c Release -r win-x64 --self-contained -o $folder -nologo -p:PublishSingleFile=true -p:IncludeAllContentForSelfExtract=true -p:EnableCompressionInSingleFile=true
  }
  Get-ChildItem -Recurse -File $folder | Sort-Object Length -Descending | Select-Object @{ Name = 'MB'; Expression = { '{0:0.0}' -f ($_.Length / 1e6) } }, FullName
} finally {
  Pop-Location
}
