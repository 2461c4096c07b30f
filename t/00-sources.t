#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# sources.mk lists what is in the folders (sh tools/sources.sh writes it).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

sub items
{
    my ($text) = @_;
    return map { s{^\s+|\s*\\?$}{}gr => 1 } grep { /\S/ } split /\n/, $text;
}

my $dir = srcdir();
my $now = `sh '$dir/tools/sources.sh' --print`;
utf8::decode($now);
is $?, 0, 'tools/sources.sh works';
my %listed = items(text_of('sources.mk'));
my %there = items($now);
complain('sources.mk names all files (run: sh tools/sources.sh)',
    grep { !$listed{$_} } sort keys %there);
complain('and none that is gone', grep { !$there{$_} } sort keys %listed);
done_testing;
