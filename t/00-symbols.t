#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The built module exports eventstream_module and nothing else.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my $module = builddir() . '/.libs/mod_eventstream.so';
ok -f $module, 'the module is built' or diag $module;
my @lines = `nm -D --defined-only '$module'`;
is $?, 0, 'nm reads the module (package binutils)';
my @names = map { (split)[-1] } @lines;
# symbols that the compiler adds in a build with sanitizers
@names = grep { !/^__(asan|odr_asan|ubsan|sanitizer|tsan)/ } @names;
is_deeply \@names, ['eventstream_module'],
    'the only exported symbol is eventstream_module';
done_testing;
