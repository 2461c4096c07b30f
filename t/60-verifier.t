#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The verifying client of bench/ sees what it is there to see: a small server
# loses, doubles, tears and forges events when it is told to, and each is
# counted exactly (bench/selftest.sh).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use EventStream::Source;

my $bench = builddir() . '/bench';
$ENV{ES_BENCHDIR} = $bench;
exec 'sh', "$FindBin::Bin/../bench/selftest.sh", 'verify' or die "sh: $!";
