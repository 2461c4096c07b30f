# SPDX-License-Identifier: Apache-2.0
package EventStream::Reexec;

=head1 NAME

EventStream::Reexec - a test that executes itself again under another command

=head1 SYNOPSIS

    use EventStream::Reexec;     # exports reexec

    if (!$fits) {
        reexec('ES_REEXECUTED', 'nice');    # nice perl t/this.t
        plan skip_all => 'needs more than this process has';
    }

=head1 FUNCTIONS

=over

=item reexec($mark, @command)

Executes the test by this command, which gets perl and its arguments as further
ones. $mark is a variable of the environment that is set then. If it is set
already, reexec returns, since a second time would not help.

=back

=cut

use strict;
use warnings;

use Cwd ();
use Exporter 'import';

our @EXPORT = qw(reexec);

# taken now: later the test may have changed its folder
my @this_test = ($^X, (map { "-I$_" } grep { !ref } @INC), Cwd::abs_path($0),
    @ARGV);

sub reexec
{
    my ($mark, @command) = @_;
    return if $ENV{$mark}++;
    exec @command, @this_test or die "$command[0]: $!";
}

1;
