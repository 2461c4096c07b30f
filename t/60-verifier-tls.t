#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# bench/verify detects faults over TLS, too: t/60-verifier.t.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use EventStream::Source;

my $bench = builddir() . '/bench';
$ENV{ES_BENCHDIR} = $bench;
exec 'sh', "$FindBin::Bin/../bench/selftest.sh", 'tls' or die "sh: $!";
