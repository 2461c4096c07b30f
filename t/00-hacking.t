#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# docs/files.md, the map of the source, is complete: it lists each file of src/
# in its room and no other. The paths that HACKING, docs/threads.md, docs/adr/
# and the comments of src/ name exist. docs/guide.md lists the versions that
# configure asks for.

use strict;
use warnings;
use File::Glob ':bsd_glob';
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

# A room begins with "## src/base/ - ...", a line in it with the names of files.
sub rooms_of
{
    my ($text) = @_;
    my (%rooms, $room);
    for my $line (split /\n/, $text) {
        if ($line =~ m{^## src/(\w+)/ - }) {
            $room = $1;
            $rooms{$room} = {};
        } elsif ($line =~ /^\S/) {
            undef $room;
        } elsif (defined $room && $line =~ /^    (\w+(?:, \w+)*)  /) {
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

my $rooms = qr/base|shm|journal|cluster|deliver|grip|server|http|config/;
my $folders = qr/src|include|conf|demo|docs|t|bench|tools|$rooms/;

my %listed = rooms_of(text_of('docs/files.md'));
my %there;
for my $path (c_files()) {
    my ($room, $name) = $path =~ m{^src/(\w+)/(\w+)\.[ch]$} or next;
    $name =~ s/_priv$//;    # a private header goes with its group
    $there{$room}{$name} = 1;
}

ok scalar keys %there, 'there are rooms';
complain('docs/files.md has each room', grep { !$listed{$_} } sort keys %there);
complain('and no other', grep { !$there{$_} } sort keys %listed);
my (@unlisted, @gone);
for my $room (sort keys %there) {
    push @unlisted, map { "src/$room/$_" }
        grep { !$listed{$room}{$_} } sort keys %{$there{$room}};
    push @gone, map { "src/$room/$_" }
        grep { !$there{$room}{$_} } sort keys %{$listed{$room}};
}
complain('it lists each file of a room', @unlisted);
complain('and none that is not there', @gone);

# The paths in a text that do not exist, and the number of all.
sub paths_of
{
    my ($text) = @_;
    my %paths = map { ($_ => 1) }
        $text =~ m{(?<![\w./-])((?:$folders)/[\w*./-]*[\w*])}g;
    # t/NN-name.t, t/unit/ROOM/NAME.c: to be filled in by the reader
    my @paths = grep { !/NN|NAME|ROOM/ } sort keys %paths;
    return (scalar @paths, grep { !exists_as($_) } @paths);
}

sub comments_of
{
    my ($path) = @_;
    return join "\n", text_of($path) =~ m{/\*.*?\*/}sg;
}

for my $text ('HACKING', 'docs/threads.md') {
    my ($count, @missing) = paths_of(text_of($text));
    ok $count, "$text names paths";
    complain("$text: each of them exists", @missing);
}

my @adrs = grep { m{^docs/adr/} } project_files();
my ($in_adrs, $in_comments) = (0, 0);
my (@missing_adrs, @missing_comments);
for my $path (@adrs) {
    my ($count, @missing) = paths_of(text_of($path));
    $in_adrs += $count;
    push @missing_adrs, map { "$path: $_" } @missing;
}
for my $path (c_files()) {
    my ($count, @missing) = paths_of(comments_of($path));
    $in_comments += $count;
    push @missing_comments, map { "$path: $_" } @missing;
}
ok $in_adrs, 'docs/adr/ names paths';
complain('docs/adr/: each of them exists', @missing_adrs);
ok $in_comments, 'comments in src/ name paths';
complain('comments in src/: each of them exists', @missing_comments);

# docs/adr/README lists each decision, and no other.
my %listed_adrs = map { ($_ => 1) }
    text_of('docs/adr/README') =~ /^  (\d{4})  /mg;
my %adrs = map { m{^docs/adr/(\d{4})-} ? ($1 => 1) : () } @adrs;
complain('docs/adr/README has each decision',
    grep { !$listed_adrs{$_} } sort keys %adrs);
complain('and no other', grep { !$adrs{$_} } sort keys %listed_adrs);

my ($needs) = text_of('docs/guide.md') =~ /^(\* It needs Linux.*?)^\* /ms;
my $configure = text_of('configure.ac');
my %asked = $configure =~ /\b(jansson|libcurl|libjwt|libcrypto) >= ([\d.]+)/g;
($asked{httpd}) = $configure =~ /for httpd ([\d.]+)/;
($asked{'APR-util'}) = $configure =~ /for APR and APR-util ([\d.]+)/;
$asked{OpenSSL} = delete $asked{libcrypto};
complain('docs/guide.md has the versions that configure asks for',
    map { "$_ $asked{$_}" } grep { $needs !~ /\b$_ \Q$asked{$_}\E\b/ }
    sort keys %asked);
done_testing;
