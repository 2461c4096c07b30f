#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# HACKING, the map of the source, is complete: it lists each file of src/ in its
# room and no other, and the paths in it and in docs/threads.md exist.

use strict;
use warnings;
use File::Glob ':bsd_glob';
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

# A room begins with "src/base/ - ...", a line in it with the names of files.
sub rooms_of
{
    my ($text) = @_;
    my (%rooms, $room);
    for my $line (split /\n/, $text) {
        if ($line =~ m{^src/(\w+)/ - }) {
            $room = $1;
            $rooms{$room} = {};
        } elsif ($line =~ /^\S/) {
            undef $room;
        } elsif (defined $room && $line =~ /^  (\w+(?:, \w+)*)  /) {
            $rooms{$room}{$_} = 1 for split /, /, $1;
        }
    }
    return %rooms;
}

# What a path of the texts may stand for: a unit test is named by its program,
# and a file of a room without src/.
sub exists_as
{
    my ($path) = @_;
    my $dir = srcdir();
    for my $start ($dir, "$dir/src") {
        return 1 if grep { -e } map { glob "$start/$path$_" } '', '.c', '.h';
    }
    return 0;
}

my $rooms = qr/base|shm|journal|deliver|grip|server|http|config/;
my $folders = qr/src|include|conf|demo|docs|t|bench|$rooms/;

my %listed = rooms_of(text_of('HACKING'));
my %there;
for my $path (c_files()) {
    my ($room, $name) = $path =~ m{^src/(\w+)/(\w+)\.[ch]$} or next;
    $name =~ s/_priv$//;    # a private header goes with its group
    $there{$room}{$name} = 1;
}

ok scalar keys %there, 'there are rooms';
complain('HACKING has each room', grep { !$listed{$_} } sort keys %there);
complain('and no other', grep { !$there{$_} } sort keys %listed);
my (@unlisted, @gone);
for my $room (sort keys %there) {
    push @unlisted, map { "src/$room/$_" }
        grep { !$listed{$room}{$_} } sort keys %{$there{$room}};
    push @gone, map { "src/$room/$_" }
        grep { !$there{$room}{$_} } sort keys %{$listed{$room}};
}
complain('HACKING lists each file of a room', @unlisted);
complain('and none that is not there', @gone);

for my $text ('HACKING', 'docs/threads.md') {
    my %paths = map { ($_ => 1) }
        text_of($text) =~ m{(?<![\w./-])((?:$folders)/[\w*./-]*[\w*])}g;
    # t/NN-name.t, t/unit/ROOM/NAME.c: to be filled in by the reader
    my @paths = grep { !/NN|NAME|ROOM/ } sort keys %paths;
    ok scalar @paths, "$text names paths";
    complain("$text: each of them exists", grep { !exists_as($_) } @paths);
}
done_testing;
