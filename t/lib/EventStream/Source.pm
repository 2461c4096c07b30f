# SPDX-License-Identifier: Apache-2.0
package EventStream::Source;

=head1 NAME

EventStream::Source - the project's files, for the guards (t/00-*.t)

=head1 FUNCTIONS

=over

=item srcdir, builddir

=item c_files, project_files

Paths relative to srcdir: the C files and headers of the module, without those
of tests; all text files of the project.

=item text_of($path)

The text of a file of srcdir, as characters.

=item broker_script

The script that runs at a broker, as the build puts it together from the files
of src/cluster/script/.

=item directives

The names of our directives, from the table.

=item complain($name, @complaints)

One test that fails if there are complaints, and prints them.

=back

=cut

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use File::Basename ();
use File::Find ();
use Test::More ();

our @EXPORT = qw(srcdir builddir c_files project_files text_of broker_script
    directives complain);

# this file is t/lib/EventStream/Source.pm
my $srcdir = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');

sub srcdir { return $srcdir }
sub builddir { return $ENV{ES_BUILDDIR} || $srcdir }

sub under
{
    my ($folder, $pattern) = @_;
    return if !-d "$srcdir/$folder";
    my @found;
    File::Find::find(
        {no_chdir => 1, wanted => sub {
            my $path = substr $File::Find::name, 1 + length $srcdir;
            if (-d $_ && $path =~ m{(^|/)(\..+|node_modules)$}) {
                $File::Find::prune = 1;
            } elsif (-f $_ && $path =~ $pattern) {
                push @found, $path;
            }
        }}, "$srcdir/$folder");
    @found = sort @found;
    return @found;
}

sub c_files
{
    return ('mod_eventstream.c', under('include', qr/\.h$/),
        under('src', qr/\.[ch]$/));
}

sub project_files
{
    my $text = qr/(\.([ch]|t|am|pm|sh|pl|js|mjs|css|html|svg|json|lua|md|conf
        |in)|\/(run|run-all|tests|README))$/x;
    my @top = grep { -f "$srcdir/$_" } qw(README CHANGES HACKING NOTICE
        Makefile.am configure.ac quickstart.sh .gitignore .editorconfig
        .clang-format .ci/run);
    my %seen;
    return grep { !$seen{$_}++ } @top, c_files(),
        map { under($_, $text) } qw(bench conf demo docs src t tools);
}

sub text_of
{
    my ($path) = @_;
    open my $in, '<:encoding(UTF-8)', "$srcdir/$path" or return '';
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

sub broker_script
{
    my ($list) = text_of('src/cluster/sources.am')
        =~ /^CLUSTER_SCRIPT = \\\n((?:.*\\\n)*.*\n)/m;
    my @files = $list =~ m{^\s*%D%/(\S+)}mg;
    return join '', map { text_of("src/cluster/$_") } @files;
}

sub directives
{
    my %names;
    for my $path (under('src/config', qr/\.c$/)) {
        my $text = text_of($path);
        $names{$1} = 1 while $text =~ /"(EventStream[A-Z]\w+)"/g;
    }
    my @names = sort keys %names;
    return @names;
}

sub complain
{
    my ($name, @complaints) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::ok(!@complaints, $name);
    Test::More::diag($_) for @complaints;
    return;
}

1;
