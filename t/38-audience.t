#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The tables of docs/audience.md are those of bench/cluster_sim, whose
# simulation holds what it must.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my $script = srcdir() . '/bench/cluster_sim';

sub simulate
{
    my (@arguments) = @_;
    open my $in, '-|', $^X, $script, @arguments or die "$script: $!";
    local $/;
    my $text = <$in>;
    close $in;
    return $text;
}

# The rows of a table, each a list of its cells.
sub rows_of
{
    my ($text, $title) = @_;
    my ($table) = $text =~ /^\Q$title\E\n\n(.*?)\n\n/ms or return;
    my (undef, undef, @rows) = split /\n/, $table;
    return map { [map { s/,//gr } /\| ([^|]+?) (?=\|)/g] } @rows;
}

my $page = text_of('docs/audience.md');
my @tables = simulate() =~ /(\|.*?\n)\n/gs;
is scalar @tables, 4, 'the script prints four tables';
for my $table (@tables) {
    my ($head) = split /\n/, $table;
    ok index($page, "\n$table") >= 0, "the page has the same table: $head";
}

my @few = qw(clients=1e6 nodes=10 cores=1 rate=0 connect_us=1000 network_ms=0);
my ($row) = rows_of(simulate(@few, 'retry=3', 'spread=0'), 'One node dies');
is $row->[3], 11111, 'the clients of a dead node go to the others';
is $row->[4], 11111, 'without a spread they come at once';
is $row->[5], '11 s', 'one core serves a thousand a second: the last one waits';
is $row->[6], '14 s', 'all are back when it has served the last one';
($row) = rows_of(simulate(@few, 'retry=30', 'spread=300'), 'One node dies');
is $row->[5], '0.0 s', 'with a wide spread none waits';
cmp_ok $row->[4], '<', 500, 'with a wide spread few come in a second';

($row) = rows_of(simulate(@few, 'process_bytes=1000'), 'Each node');
is $row->[2], '0.10 GB', 'memory is that of all clients of a node';
is system($^X, $script, 'clients=ten') >> 8, 255, 'a bad value is refused'
    if open STDERR, '>', '/dev/null';
done_testing;
