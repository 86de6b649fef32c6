<#
.SYNOPSIS
Applies the migrations that a Supabase database lacks.

.DESCRIPTION
Runs `moat db push --supabase-env`, which takes the database's URL from SUPABASE_DB_URL_DEV or SUPABASE_DB_URL_PROD and
asks before it touches prod. What was applied already is left alone. The exit code is that of moat.

.PARAMETER SupabaseEnv
The database to migrate: dev or prod.

.PARAMETER Force
Do not ask before prod.

.EXAMPLE
./scripts/db_push.ps1 -SupabaseEnv dev

.EXAMPLE
./scripts/db_push.ps1 -SupabaseEnv prod -Force
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)]
    [ValidateSet('dev', 'prod')]
    [string] $SupabaseEnv,

    [switch] $Force
)

$arguments = @('db', 'push', '--supabase-env', $SupabaseEnv.ToLowerInvariant())
if ($Force) {
    $arguments += '--force'
}

# A command that cannot be found is an error that does not end a script, and would leave no exit code.
$ErrorActionPreference = 'Stop'
& moat @arguments
exit $LASTEXITCODE
